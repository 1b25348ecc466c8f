import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { ConflictError, NotFoundError, ValidationError } from '@wacht/backend';

import { startGuildhall } from './harness.js';
import { assertRole, assertWholeList, names, refusal, refusalOf } from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

const NOBODY = '9007199254740991';

async function acme() {
  const deployment = await guildhall.deployment();
  const organization = await deployment.wacht.organizations.createOrganization({ name: 'Acme' });
  const { organizations } = deployment.wacht;
  return {
    ...deployment,
    organization,
    create: (name, ...permissions) => organizations.createOrganizationRole(organization.id, { name, permissions }),
    update: (id, request) => organizations.updateOrganizationRole(organization.id, id, request),
    remove: (id) => organizations.deleteOrganizationRole(organization.id, id),
    list: async () => {
      const page = await organizations.listOrganizationRoles(organization.id);
      assertWholeList(page, assertRole);
      return page.data;
    },
  };
}

test('an organization sees the roles of its deployment before its own', async () => {
  const { create, list } = await acme();
  const [admin, member, ...none] = await list();
  assert.deepEqual(none, []);
  assert.deepEqual(
    [admin, member].map(({ name, permissions, is_deployment_level }) => [name, permissions, is_deployment_level]),
    [
      ['Admin', ['organization:admin'], true],
      ['Member', ['organization:member'], true],
    ],
  );

  const billing = await create('Billing', 'invoices:read');
  const support = await create('Support');
  assert.deepEqual(await list(), [admin, member, billing, support]);
});

test('a role has a name and permissions in the order given, each once', async () => {
  const { create } = await acme();

  const role = await create('  Billing  ', 'invoices:read', 'invoices:pay', 'invoices:read', 'x');

  assertRole(role);
  assert.equal(role.name, 'Billing');
  assert.deepEqual(role.permissions, ['invoices:read', 'invoices:pay', 'x']);
  assert.equal(role.is_deployment_level, false);
  assert.deepEqual((await create('Idle')).permissions, []);
});

test('the name of a role is unique in its organization, whatever its case', async () => {
  const { wacht, create, list } = await acme();
  const billing = await create('Billing');
  await create('École');

  await refusal(create('Billing'), ConflictError);
  await refusal(create(' bILLING '), ConflictError);
  await refusal(create('éCOLE'), ConflictError);

  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const other = await wacht.organizations.createOrganizationRole(bolt.id, { name: 'Billing', permissions: [] });
  assert.notEqual(other.id, billing.id);
  assert.deepEqual(names(await list()), ['Admin', 'Member', 'Billing', 'École']);
});

test('a role is checked before it is made', async () => {
  const { wacht, organization, create, list } = await acme();
  const send = (request) => wacht.organizations.createOrganizationRole(organization.id, request);

  await refusalOf('name', create(''), ValidationError);
  await refusalOf('name', create('   '), ValidationError);
  await refusalOf('name', create('é'.repeat(101)), ValidationError);
  await refusalOf('name', send({ permissions: [] }), ValidationError);
  await refusalOf('name', send({ name: 7, permissions: [] }), ValidationError);
  await refusalOf('permissions', send({ name: 'Billing', permissions: 'invoices:read' }), ValidationError);
  await refusalOf('permissions', send({ name: 'Billing', permissions: [7] }), ValidationError);
  await refusalOf('permissions', create('Billing', ''), ValidationError);
  await refusalOf('permissions', create('Billing', 'a\u0007b'), ValidationError);
  await refusalOf('permissions', create('Billing', 'é'.repeat(129)), ValidationError);
  const many = Array.from({ length: 1001 }, (_, number) => `permission:${number}`);
  await refusalOf('permissions', create('Billing', ...many), ValidationError);
  assert.deepEqual(names(await list()), ['Admin', 'Member']);

  assert.equal((await create('é'.repeat(100), 'é'.repeat(128))).permissions.length, 1);
  assert.equal((await create('Everything', ...many.slice(1))).permissions.length, 1000);
});

test('a role is renamed and given other permissions', async () => {
  const { create, update, list } = await acme();
  const billing = await create('Billing', 'invoices:read', 'invoices:pay');
  await create('Support');

  const renamed = await update(billing.id, { name: ' Finance ' });
  assertRole(renamed);
  assert.deepEqual(renamed, { ...billing, name: 'Finance', updated_at: renamed.updated_at });
  assert.ok(renamed.updated_at > billing.updated_at);

  const changed = await update(billing.id, { permissions: ['invoices:pay', 'invoices:void'] });
  assert.equal(changed.name, 'Finance');
  assert.deepEqual(changed.permissions, ['invoices:pay', 'invoices:void']);

  assert.deepEqual((await update(billing.id, { permissions: [] })).permissions, []);
  assert.equal((await update(billing.id, { name: 'FINANCE' })).name, 'FINANCE', 'its own name in other case is free');
  await refusal(update(billing.id, { name: 'support' }), ConflictError);
  await refusal(update(billing.id, {}), ValidationError);
  await refusalOf('name', update(billing.id, { name: ' ' }), ValidationError);
  assert.deepEqual(names(await list()), ['Admin', 'Member', 'FINANCE', 'Support']);
});

test('members see the change of a role, and lose it when it is deleted', async () => {
  const { wacht, organization, create, update, remove, list } = await acme();
  const billing = await create('Billing', 'invoices:read');
  const support = await create('Support');
  const ava = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone' });
  await wacht.organizations.addOrganizationMember(organization.id, {
    user_id: ava.id,
    role_ids: [billing.id, support.id],
  });
  const held = async () => {
    const { data } = await wacht.organizations.listOrganizationMembers(organization.id, {});
    return data[0].roles;
  };

  const changed = await update(billing.id, { permissions: ['invoices:pay'] });
  assert.deepEqual(await held(), [changed, support]);

  assert.deepEqual(await remove(billing.id), {});
  assert.deepEqual(await held(), [support]);
  assert.deepEqual(names(await list()), ['Admin', 'Member', 'Support']);
  const [membership] = await wacht.users.listOrganizationMemberships(ava.id);
  assert.deepEqual(membership.roles, [support]);

  await refusal(remove(billing.id), NotFoundError);
  await refusal(update(billing.id, { name: 'Finance' }), NotFoundError);
  assertRole(await create('Billing'));
});

test('only the roles of the organization itself can be changed', async () => {
  const { wacht, update, remove, list } = await acme();
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const foreign = await wacht.organizations.createOrganizationRole(bolt.id, { name: 'Bolted', permissions: [] });
  const [admin] = await list();

  for (const id of [admin.id, foreign.id, NOBODY]) {
    await refusal(update(id, { name: 'Mine' }), NotFoundError);
    await refusal(remove(id), NotFoundError);
  }
  await refusal(
    wacht.organizations.createOrganizationRole(NOBODY, { name: 'Billing', permissions: [] }),
    NotFoundError,
  );
  await refusal(wacht.organizations.listOrganizationRoles(NOBODY), NotFoundError);
  assert.deepEqual(names(await list()), ['Admin', 'Member']);
});
