// What every object on the wire must look like (wire contract, sections 2 and 4): the exact set of its fields,
// and the form of each.

import assert from 'node:assert/strict';

const ID_MAX = 2n ** 53n - 1n;

const id = (value) => {
  assert.equal(typeof value, 'string');
  assert.match(value, /^[1-9][0-9]*$/);
  assert.ok(BigInt(value) <= ID_MAX, `${value} does not fit a JavaScript number`);
};
const timestamp = (value) => assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
const text = (value) => assert.equal(typeof value, 'string');
const flag = (value) => assert.equal(typeof value, 'boolean');
const count = (value) => assert.ok(Number.isSafeInteger(value) && value >= 0, `${value} is no count`);
const object = (value) => assert.equal(Object.prototype.toString.call(value), '[object Object]');
const nothing = (value) => assert.equal(value, null);
const one = (...words) => (value) => assert.ok(words.includes(value), `${value} is none of ${words}`);
const nullable = (form) => (value) => value === null || form(value);
const listOf = (form) => (value) => (assert.ok(Array.isArray(value)), value.forEach((item) => form(item)));

const shape = (fields) => (value) => {
  object(value);
  assert.deepEqual(Object.keys(value).sort(), Object.keys(fields).sort());
  for (const [name, form] of Object.entries(fields)) {
    try {
      form(value[name]);
    } catch (cause) {
      throw new assert.AssertionError({ message: `${name}: ${cause.message}`, actual: value[name] });
    }
  }
};

const dated = { id, created_at: timestamp, updated_at: timestamp };

const roleFields = { ...dated, name: text, permissions: listOf(text), is_deployment_level: flag };
export const assertRole = shape(roleFields);
export const assertDeploymentRole = shape({ ...roleFields, deployment_id: id, organization_id: nothing });

const organizationFields = {
  ...dated,
  name: text,
  description: text,
  image_url: text,
  member_count: count,
  public_metadata: object,
  private_metadata: object,
  slug: nullable(text),
  external_id: nullable(text),
  suspended_at: nullable(timestamp),
};
export const assertOrganization = shape(organizationFields);
export const assertOrganizationDetails = shape({
  ...organizationFields,
  roles: listOf(assertRole),
  // Workspaces and segments are not served yet.
  workspaces: (value) => assert.deepEqual(value, []),
  segments: (value) => assert.deepEqual(value, []),
});

// A role is shown with the end of its assignment only where it has one.
const assertMemberRole = (role) =>
  'expires_at' in role ? shape({ ...roleFields, expires_at: timestamp })(role) : assertRole(role);

const limits = { expires_at: nullable(timestamp), suspended_at: nullable(timestamp) };

export const assertMember = shape({
  ...dated,
  ...limits,
  organization_id: id,
  user_id: id,
  roles: listOf(assertMemberRole),
  public_metadata: object,
  first_name: text,
  last_name: text,
  username: nullable(text),
  primary_email_address: nullable(text),
  primary_phone_number: nullable(text),
  user_created_at: timestamp,
});

export const assertMembership = shape({
  ...dated,
  ...limits,
  organization_id: id,
  user_id: id,
  public_metadata: object,
  roles: listOf(assertMemberRole),
  organization: assertOrganization,
});

const userFields = {
  ...dated,
  first_name: text,
  last_name: text,
  username: nullable(text),
  profile_picture_url: text,
  primary_email_address: nullable(text),
  primary_phone_number: nullable(text),
  external_id: nullable(text),
};
export const assertUser = shape(userFields);

const contact = { ...dated, deployment_id: id, user_id: id, verified: flag, verified_at: timestamp };
export const assertUserDetails = shape({
  ...userFields,
  deployment_id: id,
  schema_version: one('v1', 'v2'),
  disabled: flag,
  second_factor_policy: one('none', 'optional', 'enforced'),
  availability: text,
  has_password: (value) => assert.equal(value, false),
  has_backup_codes: (value) => assert.equal(value, false),
  last_password_reset_at: nothing,
  active_organization_membership_id: nothing,
  active_workspace_membership_id: nothing,
  primary_email_address_id: nullable(id),
  primary_phone_number_id: nullable(id),
  email_addresses: listOf(shape({ ...contact, email: text, is_primary: flag, verification_strategy: one('otp') })),
  phone_numbers: listOf(shape({ ...contact, phone_number: text, country_code: text })),
  social_connections: (value) => assert.deepEqual(value, []),
  segments: (value) => assert.deepEqual(value, []),
  public_metadata: object,
  private_metadata: object,
});

/** The envelope of every list: five fields, and `next_cursor` where another page follows. */
export function assertPage(page, assertItem, expected = {}) {
  const { next_cursor, ...envelope } = page;
  assert.deepEqual(Object.keys(envelope).sort(), ['data', 'has_more', 'limit', 'offset', 'total']);
  if (next_cursor !== undefined) {
    text(next_cursor);
    assert.equal(page.has_more, true);
  }
  listOf(assertItem)(page.data);
  count(page.total);
  count(page.limit);
  count(page.offset);
  assert.equal(page.has_more, page.offset + page.data.length < page.total);
  for (const [field, value] of Object.entries(expected)) assert.deepEqual(page[field], value, field);
}

/** A list that is always given whole (roles, memberships): the page is as long as the list. */
export function assertWholeList(page, assertItem) {
  assertPage(page, assertItem, { limit: Math.max(page.data.length, 1), offset: 0, total: page.data.length });
}

export const names = (items) => items.map((item) => item.name);
export const ids = (items) => items.map((item) => item.id);

/** The error that the SDK throws, of exactly this class and with a message for a person. */
export async function refusal(promise, ErrorClass) {
  const error = await promise.then(
    (value) => assert.fail(`expected ${ErrorClass.name}, got ${JSON.stringify(value)}`),
    (thrown) => thrown,
  );
  assert.equal(error.name, ErrorClass.name, `${error.name}: ${error.message}`);
  assert.ok(error instanceof ErrorClass);
  assert.ok(error.message.length > 0 && error.message !== 'An error occurred', 'a refusal has a message');
  return error;
}

/** A ValidationError that names this field. */
export async function refusalOf(field, promise, ErrorClass) {
  const error = await refusal(promise, ErrorClass);
  const fields = error.details?.fields ?? [];
  assert.ok(
    fields.some((entry) => entry.field === field || entry.field.startsWith(`${field}.`)),
    `details.fields must name \`${field}\`: ${JSON.stringify(error.details)}`,
  );
  for (const entry of fields) assert.ok(entry.message.length > 0);
  return error;
}
