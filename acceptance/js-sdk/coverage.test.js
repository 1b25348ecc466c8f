// A ratchet: every method that the SDK has for a noun that Guildhall serves is called by a test.

import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';

import { health, organizations, settings, users } from '@wacht/backend';

/** What Guildhall does not serve yet. This list may only shrink: an entry that a test calls is an error. */
const NOT_SERVED = {
  organizations: [
    'createOrganizationInvitation',
    'createWorkspaceForOrganization',
    'discardOrganizationInvitation',
    'listOrganizationInvitations',
  ],
  users: [
    'addEmail',
    'addPhone',
    'createAuthenticator',
    'deleteAuthenticator',
    'deleteEmail',
    'deletePasskey',
    'deletePhone',
    'deleteSocialConnection',
    'listPasskeys',
    'listSignins',
    'listSocialConnections',
    'listWorkspaceMemberships',
    'makeEmailPrimary',
    'makePhonePrimary',
    'regenerateBackupCodes',
    'removePassword',
    'renamePasskey',
    'revokeAllSignins',
    'revokeSignin',
    'updateEmail',
    'updatePassword',
    'updatePhone',
  ],
  settings: [
    'createJwtTemplate',
    'deleteJwtTemplate',
    'getDeploymentSettings',
    'getDeploymentWorkspaceRoles',
    'getEmailTemplate',
    'getSocialConnections',
    'listJwtTemplates',
    'removeSmtpConfig',
    'updateAuthSettings',
    'updateB2BSettings',
    'updateDeploymentRestrictions',
    'updateDisplaySettings',
    'updateEmailTemplate',
    'updateJwtTemplate',
    'updateSmtpConfig',
    'upsertSocialConnection',
    'verifySmtpConnection',
  ],
  health: [],
};

test('every method of a noun that is served is called by a test', async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.test.js'));
  const sources = await Promise.all(files.map((name) => readFile(new URL(name, import.meta.url), 'utf8')));
  const isCalled = (method) => sources.some((source) => source.includes(`.${method}(`));

  for (const [noun, api] of Object.entries({ organizations, users, settings, health })) {
    const uncalled = Object.keys(api).filter((method) => !isCalled(method));
    assert.deepEqual(uncalled.sort(), NOT_SERVED[noun], noun);
  }
});
