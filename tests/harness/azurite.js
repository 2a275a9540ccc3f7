// Azurite, the emulator of Azure Blob Storage, in memory: account `ochre`, containers `private`
// and `public`, which everybody may read. Usage: azurite.js NODE_MODULES KEY; prints
// `ready URL` and ends when its standard input closes.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const [modules, key] = process.argv.slice(2);
const account = 'ochre';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'azurite-'));

process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
process.stdin.on('end', () => process.exit(0)).resume();

process.env.AZURITE_ACCOUNTS = `${account}:${key}`;
process.argv.splice(
  2,
  2,
  '--silent',
  '--skipApiVersionCheck',
  '--disableTelemetry',
  '--inMemoryPersistence',
  ...['--blobHost', '127.0.0.1', '--blobPort', '0'],
);

/** Makes a container with a signed request: the emulator has no other way. */
function createContainer(base, name, access) {
  const headers = { 'x-ms-date': new Date().toUTCString(), 'x-ms-version': '2023-11-03' };
  if (access) headers['x-ms-blob-public-access'] = access;
  const canonical = Object.keys(headers)
    .sort()
    .map((header) => `${header}:${headers[header]}\n`)
    .join('');
  const resource = `/${account}/${account}/${name}\nrestype:container`;
  const text = `PUT${'\n'.repeat(12)}${canonical}${resource}`;
  const hmac = crypto.createHmac('sha256', Buffer.from(key, 'base64'));
  headers.authorization = `SharedKey ${account}:${hmac.update(text).digest('base64')}`;
  headers['content-length'] = 0;
  const url = `${base}/${account}/${name}?restype=container`;
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'PUT', headers }, (answer) => {
      answer.resume();
      if (answer.statusCode === 201) resolve();
      else reject(new Error(`container ${name}: ${answer.statusCode}`));
    });
    request.on('error', reject).end();
  });
}

// The emulator tells its address by printing it.
const print = console.log;
console.log = (text) => {
  const listening = /listens on (http:\S+)/.exec(String(text));
  if (!listening) return;
  Promise.all([
    createContainer(listening[1], 'private'),
    createContainer(listening[1], 'public', 'blob'),
  ]).then(
    () => print(`ready ${listening[1]}/${account}`),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
};

require(path.join(modules, 'azurite/dist/src/blob/main.js'));
