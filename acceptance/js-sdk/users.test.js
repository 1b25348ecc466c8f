import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';

import { ConflictError, NotFoundError, ValidationError } from '@wacht/backend';

import { startGuildhall } from './harness.js';
import {
  assertMembership,
  assertPage,
  assertUser,
  assertUserDetails,
  ids,
  names,
  refusal,
  refusalOf,
} from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

const NOBODY = '9007199254740991';
const ava = {
  first_name: 'Ava',
  last_name: 'Stone',
  email_address: 'Ava@Example.com',
  phone_number: '+15551234567',
  username: 'ava-stone_1',
};

test('a user begins with two names', async () => {
  const { wacht } = await guildhall.deployment();

  const user = await wacht.users.createUser({ first_name: ' Ava ', last_name: ' Stone ' });

  assertUser(user);
  const { id, created_at, updated_at, ...rest } = user;
  assert.deepEqual(rest, {
    first_name: 'Ava',
    last_name: 'Stone',
    username: null,
    profile_picture_url: '',
    primary_email_address: null,
    primary_phone_number: null,
    external_id: null,
  });
});

test('an e-mail address and a phone number given at creation are primary and verified', async () => {
  const { wacht } = await guildhall.deployment();

  const user = await wacht.users.createUser(ava);
  assertUser(user);
  assert.equal(user.username, 'ava-stone_1');
  assert.equal(user.primary_email_address.toLowerCase(), 'ava@example.com');
  assert.equal(user.primary_phone_number, '+15551234567');

  const details = await wacht.users.getUser(user.id);
  assertUserDetails(details);
  for (const [field, value] of Object.entries(user)) assert.deepEqual(details[field], value, field);
  assert.equal(details.schema_version, 'v1');
  assert.equal(details.second_factor_policy, 'optional');
  assert.equal(details.disabled, false);
  assert.deepEqual([details.public_metadata, details.private_metadata], [{}, {}]);

  const [email, ...otherEmails] = details.email_addresses;
  assert.deepEqual(otherEmails, []);
  assert.equal(email.id, details.primary_email_address_id);
  assert.equal(email.email, user.primary_email_address);
  assert.deepEqual([email.is_primary, email.verified, email.verification_strategy], [true, true, 'otp']);

  const [phone, ...otherPhones] = details.phone_numbers;
  assert.deepEqual(otherPhones, []);
  assert.equal(phone.id, details.primary_phone_number_id);
  assert.equal(phone.country_code + phone.phone_number, user.primary_phone_number);
  assert.equal(phone.verified, true);
  assert.deepEqual([email.user_id, phone.user_id], [user.id, user.id]);
});

test('an address, a number or a username belongs to one user of a deployment', async () => {
  const { wacht } = await guildhall.deployment();
  await wacht.users.createUser(ava);
  const create = (request) => wacht.users.createUser({ first_name: 'Bo', last_name: 'Ek', ...request });

  await refusal(create({ email_address: 'aVA@eXAMPLE.COM' }), ConflictError);
  await refusal(create({ phone_number: ava.phone_number }), ConflictError);
  await refusal(create({ username: 'AVA-stone_1' }), ConflictError);
  assertPage(await wacht.users.listUsers({}), assertUser, { total: 1 });

  const elsewhere = await guildhall.deployment();
  assertUser(await elsewhere.wacht.users.createUser(ava));
});

test('a user is checked before it is made', async () => {
  const { wacht } = await guildhall.deployment();
  const create = (request) => wacht.users.createUser({ first_name: 'Bo', last_name: 'Ek', ...request });

  await refusalOf('email_address', create({ email_address: 'bo' }), ValidationError);
  await refusalOf('email_address', create({ email_address: 'bo@' }), ValidationError);
  await refusalOf('email_address', create({ email_address: `${'b'.repeat(250)}@example.com` }), ValidationError);
  await refusalOf('phone_number', create({ phone_number: 'call me' }), ValidationError);
  await refusalOf('phone_number', create({ phone_number: '+1234567890123456' }), ValidationError);
  await refusalOf('username', create({ username: 'bo ek' }), ValidationError);
  await refusalOf('username', create({ username: 'b'.repeat(65) }), ValidationError);
  await refusalOf('first_name', create({ first_name: 'é'.repeat(101) }), ValidationError);

  assertPage(await wacht.users.listUsers({}), assertUser, { data: [], total: 0, limit: 10 });
});

test('a password is refused with the reason: the identity provider keeps it', async () => {
  const { wacht } = await guildhall.deployment();
  const request = { first_name: 'Bo', last_name: 'Ek', email_address: 'bo@example.com' };

  const error = await refusal(wacht.users.createUser({ ...request, password: 'Tr0ub4dor&3' }), ValidationError);
  assert.match(error.message, /password/i);
  assert.match(error.message, /identity provider/i);
  assert.doesNotMatch(error.message, /Tr0ub4dor/);

  // The switch that goes with a password means nothing without one, and the Rust SDK always sends it.
  assertUser(await wacht.users.createUser({ ...request, skip_password_check: false }));
});

test('an update changes what it names and answers the whole user', async () => {
  const { wacht } = await guildhall.deployment();
  const { id } = await wacht.users.createUser(ava);
  const before = await wacht.users.getUser(id);
  const update = (request) => wacht.users.updateUser(id, request);

  const renamed = await update({ first_name: ' Eva ', last_name: '' });
  assertUserDetails(renamed);
  assert.deepEqual(renamed, { ...before, first_name: 'Eva', updated_at: renamed.updated_at });
  assert.ok(renamed.updated_at > before.updated_at);

  const metadata = { public_metadata: { theme: 'dark', é: 1 }, private_metadata: { crm: ['7'] } };
  const described = await update(metadata);
  assert.deepEqual([described.public_metadata, described.private_metadata], Object.values(metadata));
  const replaced = await update({ public_metadata: { lang: 'sv' }, private_metadata: null });
  assert.deepEqual([replaced.public_metadata, replaced.private_metadata], [{ lang: 'sv' }, {}]);

  assert.equal((await update({ username: 'eva' })).username, 'eva');
  assert.equal((await update({ disabled: true })).disabled, true);
  assert.equal((await update({ disabled: false })).disabled, false);
  assert.equal((await update({ second_factor_policy: 'enforced' })).second_factor_policy, 'enforced');

  const after = await wacht.users.getUser(id);
  assertUserDetails(after);
  assert.deepEqual(
    [after.first_name, after.last_name, after.username, after.disabled, after.second_factor_policy],
    ['Eva', 'Stone', 'eva', false, 'enforced'],
  );
});

test('an update with something wrong changes nothing', async () => {
  const { wacht } = await guildhall.deployment();
  const { id } = await wacht.users.createUser(ava);
  await wacht.users.createUser({ first_name: 'Bo', last_name: 'Ek', username: 'bo' });
  const before = await wacht.users.getUser(id);
  const update = (request) => wacht.users.updateUser(id, { first_name: 'Eva', ...request });

  await refusalOf('second_factor_policy', update({ second_factor_policy: 'sometimes' }), ValidationError);
  await refusalOf('public_metadata', update({ public_metadata: 'dark' }), ValidationError);
  await refusalOf('username', update({ username: 'e v a' }), ValidationError);
  await refusal(update({ username: 'Bo' }), ConflictError);
  await refusal(wacht.users.updateUser(NOBODY, { first_name: 'Eva' }), NotFoundError);

  assert.deepEqual(await wacht.users.getUser(id), before);
});

test('a profile image is kept, served and removed', async () => {
  const { wacht } = await guildhall.deployment();
  const png = await readFile(new URL('../images/logo.png', import.meta.url));
  const profile_image = new Blob([png], { type: 'image/png' });

  const user = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone', profile_image });
  const response = await fetch(user.profile_picture_url);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^image\//);
  await response.arrayBuffer();

  const update = (request) => wacht.users.updateUser(user.id, request);
  assert.equal((await update({ remove_profile_image: true })).profile_picture_url, '');
  assert.equal((await fetch(user.profile_picture_url)).status, 404);

  const again = await update({ profile_image });
  assert.equal((await fetch(again.profile_picture_url)).status, 200);
  await refusalOf('profile_image', update({ profile_image: new Blob(['hello']) }), ValidationError);
});

test('the memberships of a user come newest first, each with its organization', async () => {
  const { wacht } = await guildhall.deployment();
  const user = await wacht.users.createUser(ava);
  assert.deepEqual(await wacht.users.listOrganizationMemberships(user.id), []);
  const members = [];
  for (const name of ['Acme', 'Bolt', 'Cork']) {
    const { id } = await wacht.organizations.createOrganization({ name, public_metadata: { name } });
    members.unshift(await wacht.organizations.addOrganizationMember(id, { user_id: user.id, role_ids: [] }));
  }

  const memberships = await wacht.users.listOrganizationMemberships(user.id);

  memberships.forEach(assertMembership);
  assert.deepEqual(ids(memberships), ids(members));
  assert.deepEqual(names(memberships.map((membership) => membership.organization)), ['Cork', 'Bolt', 'Acme']);
  for (const [index, membership] of memberships.entries()) {
    assert.equal(membership.organization.id, members[index].organization_id);
    assert.equal(membership.organization.member_count, 1);
    assert.deepEqual(membership.roles, members[index].roles);
  }
  await refusal(wacht.users.listOrganizationMemberships(NOBODY), NotFoundError);
});

test('a deleted user leaves every organization', async () => {
  const { wacht } = await guildhall.deployment();
  const user = await wacht.users.createUser(ava);
  const stays = await wacht.users.createUser({ first_name: 'Bo', last_name: 'Ek' });
  const organizations = [];
  for (const name of ['Acme', 'Bolt']) {
    const { id } = await wacht.organizations.createOrganization({ name });
    for (const user_id of [user.id, stays.id]) {
      await wacht.organizations.addOrganizationMember(id, { user_id, role_ids: [] });
    }
    organizations.push(id);
  }

  assert.deepEqual(await wacht.users.deleteUser(user.id), {});

  for (const id of organizations) {
    assert.equal((await wacht.organizations.getOrganization(id)).member_count, 1);
    const { data } = await wacht.organizations.listOrganizationMembers(id, {});
    assert.deepEqual(data.map((member) => member.user_id), [stays.id]);
  }
  await refusal(wacht.users.getUser(user.id), NotFoundError);
  await refusal(wacht.users.deleteUser(user.id), NotFoundError);
  await refusal(wacht.users.listOrganizationMemberships(user.id), NotFoundError);
  assertUser(await wacht.users.createUser(ava), 'address, number and username are free again');
});

test('users are listed newest first, sorted and searched', async () => {
  const { wacht } = await guildhall.deployment();
  for (const person of [
    { first_name: 'Ava', last_name: '100% Stone', username: 'c_c', email_address: 'b@example.com' },
    { first_name: 'Bo', last_name: '100 Ek', username: 'cxc', email_address: 'c@example.org' },
    { first_name: 'Élodie', last_name: 'Durand', username: 'b', email_address: 'a@example.net' },
  ]) {
    await wacht.users.createUser(person);
  }
  await wacht.users.createUser({ first_name: 'Dee', last_name: 'Fox', username: 'a', phone_number: '+4670123456' });
  const list = async (options) => {
    const page = await wacht.users.listUsers(options);
    assertPage(page, assertUser, { offset: options.offset ?? 0, limit: options.limit ?? 10 });
    return page.data.map((user) => user.first_name);
  };

  assert.deepEqual(await list({}), ['Dee', 'Élodie', 'Bo', 'Ava']);
  assert.deepEqual(await list({ limit: 2, offset: 1 }), ['Élodie', 'Bo']);
  assert.deepEqual(await list({ sort_key: 'created_at', sort_order: 'asc' }), ['Ava', 'Bo', 'Élodie', 'Dee']);
  assert.deepEqual(await list({ sort_key: 'username', sort_order: 'asc', search: 'example' }), ['Élodie', 'Ava', 'Bo']);
  assert.deepEqual(await list({ sort_key: 'email', sort_order: 'desc', search: 'example' }), ['Bo', 'Ava', 'Élodie']);
  assert.deepEqual(await list({ search: '0%' }), ['Ava']);
  assert.deepEqual(await list({ search: 'C_C' }), ['Ava']);
  assert.deepEqual(await list({ search: 'éLODIE' }), ['Élodie']);
  assert.deepEqual(await list({ search: 'ÉLO' }), ['Élodie']);
  assert.deepEqual(await list({ search: 'example.org' }), ['Bo']);
  assert.deepEqual(await list({ search: '70123' }), ['Dee']);
  assert.deepEqual(await list({ search: 'nobody' }), []);

  assertPage(await wacht.users.listUsers({ limit: 1_000_000 }), assertUser, { limit: 1000 });
  await refusalOf('limit', wacht.users.listUsers({ limit: -1 }), ValidationError);
  await refusalOf('offset', wacht.users.listUsers({ offset: -1 }), ValidationError);
  await refusalOf('sort_key', wacht.users.listUsers({ sort_key: 'shoe_size' }), ValidationError);
  await refusalOf('sort_order', wacht.users.listUsers({ sort_order: 'sideways' }), ValidationError);
});
