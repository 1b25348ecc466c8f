import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { ConflictError, NotFoundError, ValidationError } from '@wacht/backend';

import { startGuildhall } from './harness.js';
import { assertMember, assertPage, ids, names, refusal, refusalOf } from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

const NOBODY = '9007199254740991';

/** A deployment with the organization Acme, its roles Billing, Support and Sales, and the user Ava. */
async function acmeWithRoles() {
  const deployment = await guildhall.deployment();
  const { wacht } = deployment;
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });
  const roles = {};
  for (const name of ['Billing', 'Support', 'Sales']) {
    roles[name.toLowerCase()] = await wacht.organizations.createOrganizationRole(acme.id, {
      name,
      permissions: [`${name.toLowerCase()}:read`],
    });
  }
  const ava = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone', email_address: 'ava@example.com' });
  return { ...deployment, acme, ava, ...roles };
}

const onlyMember = async (wacht, organization) => {
  const page = await wacht.organizations.listOrganizationMembers(organization.id, {});
  assertPage(page, assertMember, { total: 1, limit: 20, offset: 0 });
  return page.data[0];
};

test('a user is added with roles', async () => {
  const { wacht, acme, ava, billing } = await acmeWithRoles();

  const member = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id],
  });

  assertMember(member);
  assert.equal(member.organization_id, acme.id);
  assert.equal(member.user_id, ava.id);
  assert.deepEqual(member.roles, [billing]);
  assert.deepEqual(member.public_metadata, {});
  assert.deepEqual([member.first_name, member.last_name], ['Ava', 'Stone']);
  assert.deepEqual([member.username, member.primary_phone_number], [null, null]);
  assert.equal(member.primary_email_address, 'ava@example.com');
  assert.equal(member.user_created_at, ava.created_at);
  assert.deepEqual(await onlyMember(wacht, acme), member);
  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, 1);
});

test('without roles a member gets the default one, Member', async () => {
  const { wacht, acme, ava } = await acmeWithRoles();
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });

  const empty = await wacht.organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids: [] });
  assertMember(empty);
  assert.deepEqual(names(empty.roles), ['Member']);
  assert.deepEqual(empty.roles[0].permissions, ['organization:member']);
  assert.equal(empty.roles[0].is_deployment_level, true);

  const absent = await wacht.organizations.addOrganizationMember(bolt.id, { user_id: ava.id });
  assert.deepEqual(absent.roles, empty.roles);
});

test('roles of the deployment and of the organization are held side by side, oldest first', async () => {
  const { wacht, acme, ava, billing } = await acmeWithRoles();
  const [admin] = (await wacht.settings.getDeploymentOrganizationRoles()).data;

  const member = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id, admin.id],
  });

  assert.deepEqual(names(member.roles), ['Admin', 'Billing']);
});

test('a user is a member once', async () => {
  const { wacht, acme, ava, billing } = await acmeWithRoles();
  const add = (role_ids) => wacht.organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids });
  await add([]);

  await refusal(add([billing.id]), ConflictError);

  const member = await onlyMember(wacht, acme);
  assert.deepEqual(names(member.roles), ['Member']);
  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, 1);
});

test('who or what does not exist here cannot be added', async () => {
  const { wacht, acme, ava } = await acmeWithRoles();
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const foreignRole = await wacht.organizations.createOrganizationRole(bolt.id, { name: 'Bolted', permissions: [] });
  const elsewhere = await guildhall.deployment();
  const stranger = await elsewhere.wacht.users.createUser({ first_name: 'Sam', last_name: 'Strange' });
  const add = (organization, user, ...role_ids) =>
    wacht.organizations.addOrganizationMember(organization, { user_id: user, role_ids });

  await refusal(add(NOBODY, ava.id), NotFoundError);
  await refusal(add(acme.id, NOBODY), NotFoundError);
  await refusal(add(acme.id, stranger.id), NotFoundError);
  await refusal(add(acme.id, ava.id, NOBODY), NotFoundError);
  await refusal(add(acme.id, ava.id, foreignRole.id), NotFoundError);
  await refusalOf('user_id', add(acme.id, 'ava'), ValidationError);
  await refusalOf('role_ids', add(acme.id, ava.id, 'billing'), ValidationError);
  await refusalOf('user_id', wacht.organizations.addOrganizationMember(acme.id, {}), ValidationError);

  assertPage(await wacht.organizations.listOrganizationMembers(acme.id, {}), assertMember, { data: [] });
});

test('roles are replaced by the difference: one kept, one added, one dropped', async () => {
  const { wacht, acme, ava, billing, support, sales } = await acmeWithRoles();
  const member = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id, support.id],
  });
  const update = async (request) => {
    const reply = await wacht.organizations.updateOrganizationMember(acme.id, member.id, request);
    assert.equal(typeof reply, 'object');
    return onlyMember(wacht, acme);
  };

  const moved = await update({ role_ids: [support.id, sales.id] });
  assert.deepEqual(moved.roles, [support, sales]);
  assert.ok(moved.updated_at > member.updated_at);

  assert.deepEqual((await update({ role_ids: [support.id, sales.id] })).roles, [support, sales]);
  assert.deepEqual((await update({ role_ids: [] })).roles, [], 'an empty list takes all roles away');
  assert.deepEqual((await update({ role_ids: [billing.id] })).roles, [billing]);
});

test('metadata of a member is replaced as a whole; an update without fields changes nothing', async () => {
  const { wacht, acme, ava, billing } = await acmeWithRoles();
  const { id } = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id],
  });
  const update = (request) => wacht.organizations.updateOrganizationMember(acme.id, id, request);

  await update({ public_metadata: { desk: '4b', floor: 2 } });
  assert.deepEqual((await onlyMember(wacht, acme)).public_metadata, { desk: '4b', floor: 2 });

  await update({ public_metadata: { desk: '5a' } });
  const moved = await onlyMember(wacht, acme);
  assert.deepEqual(moved.public_metadata, { desk: '5a' });
  assert.deepEqual(moved.roles, [billing]);

  await update({});
  assert.deepEqual(await onlyMember(wacht, acme), moved);
});

test('an update with something wrong changes nothing', async () => {
  const { wacht, acme, ava, billing, support } = await acmeWithRoles();
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const foreignRole = await wacht.organizations.createOrganizationRole(bolt.id, { name: 'Bolted', permissions: [] });
  const member = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id],
  });
  const update = (organization, id, request) =>
    wacht.organizations.updateOrganizationMember(organization, id, request);

  await refusal(update(acme.id, member.id, { role_ids: [support.id, foreignRole.id] }), NotFoundError);
  await refusal(update(acme.id, member.id, { role_ids: [NOBODY] }), NotFoundError);
  await refusal(update(acme.id, NOBODY, { role_ids: [] }), NotFoundError);
  await refusal(update(bolt.id, member.id, { role_ids: [] }), NotFoundError);
  await refusalOf('role_ids', update(acme.id, member.id, { role_ids: support.id }), ValidationError);
  await refusalOf('public_metadata', update(acme.id, member.id, { public_metadata: [] }), ValidationError);

  assert.deepEqual(await onlyMember(wacht, acme), member);
});

test('a role is assigned and taken away by itself', async () => {
  // npm 1.0.0-beta.20 has no method for these two routes; the Rust SDK and newer npm sources do.
  const { wacht, request, acme, ava, billing, support } = await acmeWithRoles();
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const foreignRole = await wacht.organizations.createOrganizationRole(bolt.id, { name: 'Bolted', permissions: [] });
  const member = await wacht.organizations.addOrganizationMember(acme.id, {
    user_id: ava.id,
    role_ids: [billing.id],
  });
  const call = async (method, memberId, roleId) => {
    const response = await request(method, `/organizations/${acme.id}/members/${memberId}/roles/${roleId}`);
    assert.match(response.headers.get('content-type'), /^application\/(problem\+)?json/);
    const body = await response.json();
    if (response.ok) assert.deepEqual(body, {});
    return response.status;
  };
  const rolesHeld = async () => (await onlyMember(wacht, acme)).roles;

  assert.equal(await call('POST', member.id, support.id), 200);
  assert.deepEqual(await rolesHeld(), [billing, support]);
  assert.equal(await call('POST', member.id, support.id), 200, 'assigning again is no error');
  assert.deepEqual(await rolesHeld(), [billing, support]);

  assert.equal(await call('DELETE', member.id, billing.id), 200);
  assert.deepEqual(await rolesHeld(), [support]);
  assert.equal(await call('DELETE', member.id, billing.id), 404, 'it is not held any more');

  assert.equal(await call('POST', member.id, foreignRole.id), 404);
  assert.equal(await call('POST', member.id, NOBODY), 404);
  assert.equal(await call('POST', NOBODY, support.id), 404);
  assert.equal(await call('POST', 'ava', support.id), 400);
  assert.deepEqual(await rolesHeld(), [support]);
});

test('a removed member is gone and may come back', async () => {
  const { wacht, acme, ava, billing } = await acmeWithRoles();
  const add = () =>
    wacht.organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids: [billing.id] });
  const first = await add();

  assert.deepEqual(await wacht.organizations.removeOrganizationMember(acme.id, first.id), {});

  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, 0);
  assert.deepEqual((await wacht.organizations.listOrganizationMembers(acme.id, {})).data, []);
  assert.deepEqual(await wacht.users.listOrganizationMemberships(ava.id), []);
  await refusal(wacht.organizations.removeOrganizationMember(acme.id, first.id), NotFoundError);
  await refusal(wacht.organizations.removeOrganizationMember(acme.id, ava.id), NotFoundError);

  const second = await add();
  assert.notEqual(second.id, first.id);
  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, 1);
});

test('members are found by any of their names and sorted by them', async () => {
  const { wacht, acme } = await acmeWithRoles();
  for (const person of [
    { first_name: 'Bo', last_name: 'Ek_man', username: 'bo-1', email_address: 'bo@example.com' },
    { first_name: 'Cy', last_name: 'Ekxman', username: 'cy_2', email_address: 'cy@example.org' },
    { first_name: 'Élodie', last_name: 'Durand', username: 'elo', phone_number: '+15551234567' },
  ]) {
    const { id } = await wacht.users.createUser(person);
    await wacht.organizations.addOrganizationMember(acme.id, { user_id: id, role_ids: [] });
  }
  const list = async (options) => {
    const page = await wacht.organizations.listOrganizationMembers(acme.id, options);
    assertPage(page, assertMember, { limit: 20 });
    return page.data.map((member) => member.first_name);
  };

  assert.deepEqual(await list({}), ['Élodie', 'Cy', 'Bo'], 'newest first');
  assert.deepEqual(await list({ sort_key: 'first_name', sort_order: 'asc' }), ['Bo', 'Cy', 'Élodie']);
  assert.deepEqual(await list({ sort_key: 'last_name', sort_order: 'asc', search: 'durand' }), ['Élodie']);
  assert.deepEqual(await list({ sort_key: 'username', sort_order: 'desc' }), ['Élodie', 'Cy', 'Bo']);
  assert.deepEqual(await list({ sort_key: 'email', sort_order: 'asc', search: 'example' }), ['Bo', 'Cy']);
  assert.deepEqual(await list({ search: 'EXAMPLE.ORG' }), ['Cy']);
  assert.deepEqual(await list({ search: 'élo' }), ['Élodie']);
  assert.deepEqual(await list({ search: 'ÉLO' }), ['Élodie']);
  assert.deepEqual(await list({ search: 'k_m' }), ['Bo']);
  assert.deepEqual(await list({ search: 'y_2' }), ['Cy']);
  assert.deepEqual(await list({ search: '5551234' }), ['Élodie']);
  assert.deepEqual(await list({ search: '%' }), []);
});

test('the members of an organization that is not there are not an empty list', async () => {
  const { wacht, acme } = await acmeWithRoles();
  const elsewhere = await guildhall.deployment();
  const list = (client, id) => client.organizations.listOrganizationMembers(id, {});
  await refusal(list(wacht, NOBODY), NotFoundError);
  await refusal(list(elsewhere.wacht, acme.id), NotFoundError);
});

test('a new deployment has no seat cap, and a long list has pages', async () => {
  const { wacht, acme } = await acmeWithRoles();
  const count = 101;
  for (let number = 1; number <= count; number += 1) {
    const { id } = await wacht.users.createUser({ first_name: 'Twin', last_name: `${number}` });
    await wacht.organizations.addOrganizationMember(acme.id, { user_id: id, role_ids: [] });
  }
  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, count);
  const list = (options) => wacht.organizations.listOrganizationMembers(acme.id, options);

  assertPage(await list({}), assertMember, { total: count, limit: 20, offset: 0, has_more: true });
  assertPage(await list({ limit: 1_000_000 }), assertMember, { total: count, limit: 500, has_more: false });
  await refusalOf('limit', list({ limit: -5 }), ValidationError);

  const seen = new Set();
  for (let offset = 0; offset < count; offset += 40) {
    const page = await list({ sort_key: 'first_name', limit: 40, offset });
    assertPage(page, assertMember, { total: count, limit: 40, offset });
    ids(page.data).forEach((id) => seen.add(id));
  }
  assert.equal(seen.size, count, 'pages do not overlap when all sort keys are equal');
});
