import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { startGuildhall } from './harness.js';
import { assertDeploymentRole, assertWholeList } from './shapes.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

test('the deployment that the first start creates has the organization roles Admin and Member', async () => {
  const wacht = guildhall.client(await guildhall.key());

  const roles = await wacht.settings.getDeploymentOrganizationRoles();

  assertWholeList(roles, assertDeploymentRole);
  assert.deepEqual(
    roles.data.map(({ name, permissions, is_deployment_level }) => [name, permissions, is_deployment_level]),
    [
      ['Admin', ['organization:admin'], true],
      ['Member', ['organization:member'], true],
    ],
  );
});

test('the roles of a deployment are those that its organizations see, and no other deployment has them', async () => {
  const { wacht } = await guildhall.deployment();
  const elsewhere = await guildhall.deployment();
  const { data } = await wacht.settings.getDeploymentOrganizationRoles();
  const user = await wacht.users.createUser({ first_name: 'Ava', last_name: 'Stone' });
  const { deployment_id } = await wacht.users.getUser(user.id);
  const acme = await wacht.organizations.createOrganization({ name: 'Acme' });

  const seen = await wacht.organizations.listOrganizationRoles(acme.id);
  assert.deepEqual(data, seen.data.map((role) => ({ ...role, deployment_id, organization_id: null })));

  const foreign = await elsewhere.wacht.settings.getDeploymentOrganizationRoles();
  assert.notEqual(foreign.data[0].id, data[0].id);
  assert.notEqual(foreign.data[0].deployment_id, deployment_id);
});
