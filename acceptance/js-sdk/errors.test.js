import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import {
  AuthenticationError,
  AuthorizationError,
  NotFoundError,
  ValidationError,
  WachtError,
} from '@wacht/backend';

import { startGuildhall } from './harness.js';
import { assertOrganization, assertPage, refusal, refusalOf } from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

const NOBODY = '9007199254740991';
const MALFORMED_IDS = ['acme', '0', '-1', '007', '1.5', '9007199254740992', '99999999999999999999', '%20'];

/** Every reply that is not a success is this object and no other. */
async function problem(response) {
  assert.match(response.headers.get('content-type'), /^application\/(problem\+)?json/);
  const body = await response.json();
  const { type, title, message, code, details, request_id, ...copies } = body;
  for (const text of [type, title, message, code, request_id]) assert.ok(text.length > 0);
  assert.match(code, /^[a-z0-9_]+$/);
  assert.deepEqual(copies, {
    detail: message,
    status: response.status,
    errors: [{ message, code: response.status }],
    error: { code, message, status: response.status },
  });
  assert.ok(details === null || details.fields.length > 0);
  assert.equal(response.headers.get('x-request-id'), request_id);
  return body;
}

test('an unknown key, or none, is an AuthenticationError', async () => {
  const { key } = await guildhall.deployment();
  const damaged = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A');
  for (const secret of ['nobody', damaged, `${key}x`, `${key},${key}`]) {
    const wacht = guildhall.client(secret);
    await refusal(wacht.organizations.listOrganizations({}), AuthenticationError);
    await refusal(wacht.organizations.createOrganization({ name: 'Acme' }), AuthenticationError);
    await refusal(wacht.organizations.getOrganization(NOBODY), AuthenticationError);
  }
  for (const headers of [{}, { authorization: key }, { authorization: `Basic ${key}` }]) {
    const response = await fetch(`${guildhall.baseUrl}/organizations`, { headers });
    assert.equal(response.status, 401);
    assert.equal((await problem(response)).code, 'unauthenticated');
  }
});

test('a key that may only read reads, and gets an AuthorizationError for every change', async () => {
  const deployment = await guildhall.deployment();
  const { wacht } = deployment;
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });
  const role = await wacht.organizations.createOrganizationRole(acme.id, { name: 'Billing', permissions: [] });
  const ava = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone' });
  const member = await wacht.organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids: [role.id] });
  const { organizations, users, settings } = await deployment.readOnly();

  assertPage(await organizations.listOrganizations({}), assertOrganization, { data: [{ ...acme, member_count: 1 }] });
  assert.equal((await organizations.getOrganization(acme.id)).id, acme.id);
  assert.deepEqual((await organizations.listOrganizationMembers(acme.id, {})).data, [member]);
  assert.equal((await organizations.listOrganizationRoles(acme.id)).total, 3);
  assert.equal((await users.listUsers({})).total, 1);
  assert.equal((await users.getUser(ava.id)).id, ava.id);
  assert.equal((await users.listOrganizationMemberships(ava.id)).length, 1);
  assert.equal((await settings.getDeploymentOrganizationRoles()).total, 2);

  for (const change of [
    () => organizations.createOrganization({ name: 'Bolt' }),
    () => organizations.updateOrganization(acme.id, { name: 'Bolt' }),
    () => organizations.deleteOrganization(acme.id),
    () => organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids: [] }),
    () => organizations.updateOrganizationMember(acme.id, member.id, { role_ids: [] }),
    () => organizations.removeOrganizationMember(acme.id, member.id),
    () => organizations.createOrganizationRole(acme.id, { name: 'Support', permissions: [] }),
    () => organizations.updateOrganizationRole(acme.id, role.id, { name: 'Support' }),
    () => organizations.deleteOrganizationRole(acme.id, role.id),
    () => users.createUser({ first_name: 'Bo', last_name: 'Ek' }),
    () => users.updateUser(ava.id, { first_name: 'Eva' }),
    () => users.deleteUser(ava.id),
  ]) {
    await refusal(change(), AuthorizationError);
  }
  assert.equal((await wacht.organizations.getOrganization(acme.id)).member_count, 1);
});

test('what belongs to another deployment looks exactly like what does not exist', async () => {
  const { wacht, request } = await guildhall.deployment();
  const elsewhere = await guildhall.deployment();
  const theirs = await elsewhere.wacht.organizations.createOrganization({ name: 'Theirs' });
  const stranger = await elsewhere.wacht.users.createUser({ first_name: 'Sam', last_name: 'Strange' });
  const role = await elsewhere.wacht.organizations.createOrganizationRole(theirs.id, { name: 'R', permissions: [] });
  const member = await elsewhere.wacht.organizations.addOrganizationMember(theirs.id, {
    user_id: stranger.id,
    role_ids: [],
  });

  await refusal(wacht.organizations.getOrganization(theirs.id), NotFoundError);
  await refusal(wacht.organizations.updateOrganization(theirs.id, { name: 'Mine' }), NotFoundError);
  await refusal(wacht.organizations.deleteOrganization(theirs.id), NotFoundError);
  await refusal(wacht.organizations.removeOrganizationMember(theirs.id, member.id), NotFoundError);
  await refusal(wacht.organizations.deleteOrganizationRole(theirs.id, role.id), NotFoundError);
  await refusal(wacht.users.getUser(stranger.id), NotFoundError);
  await refusal(wacht.users.updateUser(stranger.id, { first_name: 'Mine' }), NotFoundError);
  await refusal(wacht.users.deleteUser(stranger.id), NotFoundError);
  assert.equal((await wacht.organizations.listOrganizations({})).total, 0);
  assert.equal((await wacht.users.listUsers({ search: 'Strange' })).total, 0);

  for (const path of ['/organizations/ID', '/organizations/ID/members', '/organizations/ID/roles']) {
    const bodies = [];
    for (const id of [theirs.id, NOBODY]) {
      const { request_id, ...body } = await problem(await request('GET', path.replace('ID', id)));
      bodies.push(JSON.stringify(body).replaceAll(id, 'ID'));
    }
    assert.equal(bodies[0], bodies[1]);
  }
  assert.equal((await elsewhere.wacht.organizations.getOrganization(theirs.id)).name, 'Theirs');
});

test('an unknown id is a NotFoundError, a malformed one a ValidationError', async () => {
  const { wacht } = await guildhall.deployment();
  const { id: acme } = await wacht.organizations.createOrganization({ name: 'Acme' });
  const { organizations, users } = wacht;
  for (const call of [
    (id) => organizations.getOrganization(id),
    (id) => organizations.updateOrganization(id, { name: 'Bolt' }),
    (id) => organizations.deleteOrganization(id),
    (id) => organizations.listOrganizationMembers(id, {}),
    (id) => organizations.addOrganizationMember(id, { user_id: NOBODY, role_ids: [] }),
    (id) => organizations.updateOrganizationMember(acme, id, { role_ids: [] }),
    (id) => organizations.removeOrganizationMember(acme, id),
    (id) => organizations.listOrganizationRoles(id),
    (id) => organizations.createOrganizationRole(id, { name: 'Billing', permissions: [] }),
    (id) => organizations.updateOrganizationRole(acme, id, { name: 'Billing' }),
    (id) => organizations.deleteOrganizationRole(acme, id),
    (id) => users.getUser(id),
    (id) => users.updateUser(id, { first_name: 'Eva' }),
    (id) => users.deleteUser(id),
    (id) => users.listOrganizationMemberships(id),
  ]) {
    await refusal(call(NOBODY), NotFoundError);
    for (const id of MALFORMED_IDS) await refusal(call(id), ValidationError);
  }
});

test('a validation error names every field that is wrong', async () => {
  const { wacht } = await guildhall.deployment();
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });
  const error = await refusalOf(
    'name',
    wacht.organizations.createOrganizationRole(acme.id, { name: '', permissions: [''] }),
    ValidationError,
  );
  assert.equal(error.statusCode, 400);
  assert.deepEqual(Object.keys(error.details), ['fields']);
  for (const field of error.details.fields) assert.deepEqual(Object.keys(field).sort(), ['field', 'message']);
});

test('a body that cannot be read is a ValidationError', async () => {
  const { wacht } = await guildhall.deployment();
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });
  const path = `/organizations/${acme.id}/roles`;
  const json = { headers: { 'Content-Type': 'application/json' } };
  const form = { headers: { 'Content-Type': 'multipart/form-data; boundary=x' } };

  // A list is no object, even if its items would fit the fields in their order.
  for (const body of ['{"name":', '', '[]', '["Billing", []]', '"Billing"', 'null']) {
    await refusal(wacht.post(path, body, json), ValidationError);
  }
  const role = await wacht.organizations.createOrganizationRole(acme.id, { name: 'Billing', permissions: [] });
  await refusal(wacht.patch(`${path}/${role.id}`, '["Finance", null]', json), ValidationError);
  await refusal(wacht.post('/organizations', '--x\r\nno form', form), ValidationError);
  const wrongKind = await refusal(wacht.post('/organizations', { name: 'Bolt' }), WachtError);
  assert.equal(wrongKind.statusCode, 415);
});

test('an unknown route is a NotFoundError, a method that a route does not take a 405', async () => {
  const { wacht, request } = await guildhall.deployment();

  await refusal(wacht.ai.listAgents({}), NotFoundError);
  assert.equal((await problem(await request('GET', '/no/such/route'))).code, 'route_not_found');

  const error = await refusal(wacht.put('/organizations', {}), WachtError);
  assert.equal(error.statusCode, 405);
  const response = await request('PUT', '/organizations');
  assert.match(response.headers.get('allow'), /GET/);
  assert.equal((await problem(response)).code, 'method_not_allowed');
});

test('a refusal carries the id of its request', async () => {
  const { request } = await guildhall.deployment();
  const response = await request('GET', `/organizations/${NOBODY}`, { headers: { 'x-request-id': 'ticket-4711' } });
  assert.equal((await problem(response)).request_id, 'ticket-4711');
});
