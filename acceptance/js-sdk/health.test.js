import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { startGuildhall } from './harness.js';

const guildhall = await startGuildhall();
after(() => guildhall.stop());

test('the server says that it is healthy, and when', async () => {
  const wacht = guildhall.client(await guildhall.key());

  const { status, timestamp } = await wacht.health.healthCheck();

  assert.equal(status, 'healthy');
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
});

test('health needs no key, not even a good one', async () => {
  assert.equal((await guildhall.client('nobody').health.healthCheck()).status, 'healthy');
  assert.equal((await fetch(`${guildhall.baseUrl}/health`)).status, 200);
});
