import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';

import { initClient, NotFoundError, organizations, ValidationError, WachtError } from '@wacht/backend';

import { startGuildhall } from './harness.js';
import {
  assertOrganization,
  assertOrganizationDetails,
  assertPage,
  ids,
  names,
  refusal,
  refusalOf,
} from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

const image = (kind) => readFile(new URL(`../images/logo.${kind}`, import.meta.url));

const MAGIC = {
  'image/png': '89504e47',
  'image/jpeg': 'ffd8ff',
  'image/gif': '47494638',
  'image/webp': '52494646',
  'image/x-icon': '00000100',
  'image/vnd.microsoft.icon': '00000100',
};

/** The image is there for anybody who has the address, as for the browser of the application's user. */
async function assertServed(url) {
  assert.equal(new URL(url).origin, guildhall.baseUrl, 'image_url is absolute');
  const response = await fetch(url);
  assert.equal(response.status, 200);
  const type = response.headers.get('content-type');
  assert.match(type, /^image\//);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.ok(bytes.toString('hex').startsWith(MAGIC[type]), `the bytes are not ${type}`);
}

test('an organization begins with a name and nothing else', async () => {
  const { wacht } = await guildhall.deployment();

  const acme = await wacht.organizations.createOrganization({ name: '  Acme  ' });

  assertOrganization(acme);
  const { id, created_at, updated_at, ...rest } = acme;
  assert.deepEqual(rest, {
    name: 'Acme',
    description: '',
    image_url: '',
    member_count: 0,
    public_metadata: {},
    private_metadata: {},
    slug: null,
    suspended_at: null,
    external_id: null,
  });
  assert.equal(created_at, updated_at);
});

test('an organization keeps what it is created with', async () => {
  const { wacht } = await guildhall.deployment();
  const request = {
    name: 'Käse & Søn 株式会社 🧀',
    description: ' Cheese, since 1871 ',
    public_metadata: { plan: 'pro', seats: 12, beta: true, tags: ['é', '"', '\\', '\n'], nested: { a: [null] } },
    private_metadata: { crm: '0042', ratio: 0.5 },
  };

  const created = await wacht.organizations.createOrganization(request);

  assertOrganization(created);
  assert.equal(created.name, request.name);
  assert.equal(created.description, 'Cheese, since 1871');
  assert.deepEqual(created.public_metadata, request.public_metadata);
  assert.deepEqual(created.private_metadata, request.private_metadata);
});

test('a name has 1 to 200 characters after trimming', async () => {
  const { wacht } = await guildhall.deployment();
  const create = (name) => wacht.organizations.createOrganization({ name });

  await refusalOf('name', create(''), ValidationError);
  await refusalOf('name', create(' \t '), ValidationError);
  await refusalOf('name', create('é'.repeat(201)), ValidationError);
  assert.equal((await create('é'.repeat(200))).name, 'é'.repeat(200));
});

test('two organizations may have the same name', async () => {
  const { wacht } = await guildhall.deployment();
  const first = await wacht.organizations.createOrganization({ name: 'Acme' });
  const second = await wacht.organizations.createOrganization({ name: 'Acme' });
  assert.notEqual(first.id, second.id);
});

test('metadata is an object; null is the empty one', async () => {
  const { wacht } = await guildhall.deployment();
  const create = (metadata) => wacht.organizations.createOrganization({ name: 'Acme', ...metadata });

  const acme = await create({ public_metadata: null, private_metadata: null });
  assert.deepEqual([acme.public_metadata, acme.private_metadata], [{}, {}]);

  await refusalOf('public_metadata', create({ public_metadata: ['a'] }), ValidationError);
  await refusalOf('private_metadata', create({ private_metadata: 'a' }), ValidationError);
  await refusalOf('public_metadata', create({ public_metadata: { a: 'x'.repeat(65_536) } }), ValidationError);
  let deep = {};
  for (let level = 0; level < 32; level += 1) deep = { deep };
  await refusalOf('public_metadata', create({ public_metadata: deep }), ValidationError);
});

test('an organization is read with its roles', async () => {
  const { wacht } = await guildhall.deployment();
  const acme = await wacht.organizations.createOrganization({ name: 'Acme', public_metadata: { plan: 'pro' } });
  await wacht.organizations.createOrganizationRole(acme.id, { name: 'Billing', permissions: ['invoices:pay'] });

  const details = await wacht.organizations.getOrganization(acme.id);

  assertOrganizationDetails(details);
  const { roles, workspaces, segments, ...organization } = details;
  assert.deepEqual(organization, acme);
  assert.deepEqual(names(roles), ['Admin', 'Member', 'Billing']);
  assert.deepEqual(
    roles.map((role) => role.is_deployment_level),
    [true, true, false],
  );
});

test('organizations are listed newest first, ten to a page', async () => {
  const { wacht } = await guildhall.deployment();
  assertPage(await wacht.organizations.listOrganizations({}), assertOrganization, { data: [], total: 0, limit: 10 });
  const created = [];
  for (let number = 1; number <= 12; number += 1) {
    created.unshift(await wacht.organizations.createOrganization({ name: `Organization ${number}` }));
  }

  const first = await wacht.organizations.listOrganizations({});
  assertPage(first, assertOrganization, { total: 12, limit: 10, offset: 0, has_more: true });
  assert.deepEqual(first.data, created.slice(0, 10));

  const second = await wacht.organizations.listOrganizations({ offset: 10 });
  assertPage(second, assertOrganization, { total: 12, limit: 10, offset: 10, has_more: false });
  assert.deepEqual(second.data, created.slice(10));

  const beyond = await wacht.organizations.listOrganizations({ limit: 5, offset: 100 });
  assertPage(beyond, assertOrganization, { data: [], total: 12, limit: 5, offset: 100, has_more: false });
});

test('a page has at most 1000 items; a negative page is refused', async () => {
  const { wacht } = await guildhall.deployment();
  const list = (options) => wacht.organizations.listOrganizations(options);
  assertPage(await list({ limit: 1_000_000 }), assertOrganization, { limit: 1000 });
  await refusalOf('limit', list({ limit: -1 }), ValidationError);
  await refusalOf('offset', list({ offset: -1 }), ValidationError);
});

test('organizations are sorted by name, age or size', async () => {
  const { wacht } = await guildhall.deployment();
  for (const name of ['Bolt', 'Acme', 'Cork']) await wacht.organizations.createOrganization({ name });
  const list = async (options) => names((await wacht.organizations.listOrganizations(options)).data);

  assert.deepEqual(await list({ sort_key: 'name', sort_order: 'asc' }), ['Acme', 'Bolt', 'Cork']);
  assert.deepEqual(await list({ sort_key: 'name', sort_order: 'desc' }), ['Cork', 'Bolt', 'Acme']);
  assert.deepEqual(await list({ sort_key: 'name' }), ['Cork', 'Bolt', 'Acme']);
  assert.deepEqual(await list({ sort_key: 'created_at', sort_order: 'ASC' }), ['Bolt', 'Acme', 'Cork']);
  assert.deepEqual(await list({ sort_key: 'no_such_key' }), ['Cork', 'Acme', 'Bolt']);

  const acme = (await wacht.organizations.listOrganizations({ search: 'Acme' })).data[0];
  const ava = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone' });
  await wacht.organizations.addOrganizationMember(acme.id, { user_id: ava.id, role_ids: [] });
  assert.equal((await list({ sort_key: 'member_count', sort_order: 'desc' }))[0], 'Acme');

  const bolt = (await wacht.organizations.listOrganizations({ search: 'Bolt' })).data[0];
  await wacht.organizations.updateOrganization(bolt.id, { description: 'Nuts' });
  assert.equal((await list({ sort_key: 'updated_at', sort_order: 'desc' }))[0], 'Bolt');
});

test('search finds part of a name, whatever its case, and takes % and _ as they are', async () => {
  const { wacht } = await guildhall.deployment();
  for (const name of ['100% Wool', '100 Percent', 'snake_case', 'snakeycase', 'École Élysée']) {
    await wacht.organizations.createOrganization({ name });
  }
  const search = async (search) => {
    const page = await wacht.organizations.listOrganizations({ search, sort_key: 'name', sort_order: 'asc' });
    assertPage(page, assertOrganization, { total: page.data.length });
    return names(page.data);
  };

  assert.deepEqual(await search('100'), ['100 Percent', '100% Wool']);
  assert.deepEqual(await search('100%'), ['100% Wool']);
  assert.deepEqual(await search('  WOOL '), ['100% Wool']);
  assert.deepEqual(await search('e_c'), ['snake_case']);
  assert.deepEqual(await search('ÉCOLE'), ['École Élysée']);
  assert.deepEqual(await search('élys'), ['École Élysée']);
  assert.deepEqual(await search('nowhere'), []);
  assert.equal((await search('')).length, 5);
});

test('pages do not overlap when all sort keys are equal', async () => {
  const { wacht } = await guildhall.deployment();
  for (let number = 0; number < 7; number += 1) await wacht.organizations.createOrganization({ name: 'Twin' });

  const seen = [];
  for (let offset = 0; offset < 7; offset += 2) {
    const page = await wacht.organizations.listOrganizations({ sort_key: 'name', limit: 2, offset });
    assertPage(page, assertOrganization, { total: 7, limit: 2, offset });
    seen.push(...ids(page.data));
  }
  assert.equal(new Set(seen).size, 7);
});

test('an update changes what it names and leaves the rest', async () => {
  const { wacht } = await guildhall.deployment();
  const acme = await wacht.organizations.createOrganization({
    name: 'Acme',
    description: 'Anvils',
    public_metadata: { plan: 'free', seats: 3 },
    private_metadata: { crm: '1' },
  });
  const update = (request) => wacht.organizations.updateOrganization(acme.id, request);

  const renamed = await update({ name: ' Acme Ltd ' });
  assertOrganization(renamed);
  assert.deepEqual(renamed, { ...acme, name: 'Acme Ltd', updated_at: renamed.updated_at });
  assert.ok(renamed.updated_at > acme.updated_at);

  const upgraded = await update({ public_metadata: { plan: 'pro' } });
  assert.deepEqual(upgraded.public_metadata, { plan: 'pro' }, 'metadata is replaced as a whole');
  assert.deepEqual(upgraded.private_metadata, { crm: '1' });

  const forgotten = await update({ private_metadata: null });
  assert.deepEqual(forgotten.private_metadata, {});

  assert.equal((await update({ description: 'Rockets' })).description, 'Rockets');
  assert.equal((await update({ description: '' })).description, '', 'an explicit empty description clears it');

  const { roles, workspaces, segments, ...read } = await wacht.organizations.getOrganization(acme.id);
  assert.equal(read.name, 'Acme Ltd');
  assert.equal(read.description, '');
  assert.deepEqual(read.public_metadata, { plan: 'pro' });
});

test('an update that names nothing is refused; an empty name never takes hold', async () => {
  const { wacht } = await guildhall.deployment();
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });

  await refusal(wacht.organizations.updateOrganization(acme.id, {}), ValidationError);
  await refusal(wacht.organizations.updateOrganization(acme.id, { name: '' }), ValidationError);
  await refusalOf(
    'public_metadata',
    wacht.organizations.updateOrganization(acme.id, { public_metadata: 7 }),
    ValidationError,
  );

  assert.equal((await wacht.organizations.getOrganization(acme.id)).name, 'Acme');
});

test('an image is kept, served and removed', async () => {
  const { wacht } = await guildhall.deployment();
  for (const [kind, type] of [
    ['png', 'image/png'],
    ['jpg', 'image/jpeg'],
    ['gif', 'image/gif'],
    ['webp', 'image/webp'],
    ['ico', 'image/x-icon'],
    // What a Blob is called without a type: the bytes decide.
    ['png', undefined],
    // What a careless caller does: the bytes decide again.
    ['png', 'image/jpeg'],
  ]) {
    const organization_image = new Blob([await image(kind)], { type });
    const acme = await wacht.organizations.createOrganization({ name: `Acme ${kind}`, organization_image });
    assertOrganization(acme);
    await assertServed(acme.image_url);
  }

  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  const update = (request) => wacht.organizations.updateOrganization(bolt.id, request);
  const logo = new Blob([await image('png')], { type: 'image/png' });

  const shown = await update({ organization_image: logo });
  await assertServed(shown.image_url);
  assert.equal((await wacht.organizations.getOrganization(bolt.id)).image_url, shown.image_url);

  const renamed = await update({ name: 'Bolt Ltd', remove_image: false });
  assert.equal(renamed.image_url, shown.image_url);

  assert.equal((await update({ remove_image: true })).image_url, '');
  assert.equal((await fetch(shown.image_url)).status, 404);

  const both = await update({ remove_image: true, organization_image: logo });
  assert.equal(both.image_url, '', 'remove_image wins over an upload');
});

test('what is not an image is refused; an empty file is as good as none', async () => {
  const { wacht } = await guildhall.deployment();
  const create = (organization_image) => wacht.organizations.createOrganization({ name: 'Acme', organization_image });

  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  await refusalOf('organization_image', create(new Blob([svg], { type: 'image/svg+xml' })), ValidationError);
  await refusalOf('organization_image', create(new Blob(['hello'], { type: 'image/png' })), ValidationError);

  assert.equal((await create(new Blob([]))).image_url, '');
});

test('a body over two megabytes is refused with 413', async () => {
  const { wacht } = await guildhall.deployment();
  const organization_image = new Blob([new Uint8Array(2_200_000)], { type: 'image/png' });
  const error = await refusal(
    wacht.organizations.createOrganization({ name: 'Acme', organization_image }),
    WachtError,
  );
  assert.equal(error.statusCode, 413);
});

test('a deleted organization is gone with all that was in it', async () => {
  const { wacht } = await guildhall.deployment();
  const organization_image = new Blob([await image('png')]);
  const acme = await wacht.organizations.createOrganization({ name: 'Acme', organization_image });
  const bolt = await wacht.organizations.createOrganization({ name: 'Bolt' });
  await wacht.organizations.createOrganizationRole(acme.id, { name: 'Billing', permissions: [] });
  const ava = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone' });
  for (const { id } of [acme, bolt]) {
    await wacht.organizations.addOrganizationMember(id, { user_id: ava.id, role_ids: [] });
  }

  assert.deepEqual(await wacht.organizations.deleteOrganization(acme.id), {});

  await refusal(wacht.organizations.getOrganization(acme.id), NotFoundError);
  await refusal(wacht.organizations.listOrganizationMembers(acme.id, {}), NotFoundError);
  await refusal(wacht.organizations.listOrganizationRoles(acme.id), NotFoundError);
  await refusal(wacht.organizations.deleteOrganization(acme.id), NotFoundError);
  assert.equal((await fetch(acme.image_url)).status, 404);
  assert.deepEqual(names((await wacht.organizations.listOrganizations({})).data), ['Bolt']);
  const memberships = await wacht.users.listOrganizationMemberships(ava.id);
  assert.deepEqual(memberships.map((membership) => membership.organization_id), [bolt.id]);
});

test('the global client of `initClient` works with and without options', async () => {
  const { key, wacht } = await guildhall.deployment();
  await wacht.organizations.createOrganization({ name: 'Acme' });

  initClient({ apiKey: key, baseUrl: guildhall.baseUrl });

  assert.deepEqual(names((await organizations.listOrganizations()).data), ['Acme']);
  // A bound method without its argument hands the client over as the options, and falls back to the global one.
  assert.deepEqual(names((await wacht.organizations.listOrganizations()).data), ['Acme']);
});
