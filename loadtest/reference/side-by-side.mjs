// Measures Ochre beside the Node registry of npm `oc`: the same components, one S3 server.
//
//   node side-by-side.mjs [--profile release] [arguments of ochre-loadtest…]
//
// Wants tests/setup.sh to have run, and `cargo build --release -p ochre-registry -p ochre-loadtest`
// (binaries are taken from CARGO_TARGET_DIR, or from target/). Everything listens on 127.0.0.1 and
// ends with this script.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const TOOLS = join(ROOT, 'tests/.tools');
const MODULES = join(TOOLS, 'npm/node_modules');
const NODE = join(TOOLS, 'node/bin/node');
const COMPONENTS = ['load-es6', 'load-handlebars', 'load-react'];
const START_TIMEOUT_MS = 60_000;

const forwarded = process.argv.slice(2);
let profile = 'release';
if (forwarded[0] === '--profile') [, profile] = forwarded.splice(0, 2);
const TARGET = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), profile);

const work = mkdtempSync(join(tmpdir(), 'ochre-load-'));
const running = [];

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts a server and waits until `ready(output)`, given all that it has printed, is truthy. */
async function start(name, command, args, options, ready) {
  const child = spawn(command, args, { stdio: 'pipe', ...options });
  running.push(child);
  let output = '';
  let ended = false;
  const read = (chunk) => (output = (output + chunk).slice(-10_000));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.once('error', (error) => ((ended = true), read(error.message)));
  child.once('exit', () => (ended = true));
  const found = await eventually(name, async () => {
    const answer = await ready(output);
    if (!answer && !ended) throw new Error(`not ready\n${output}`);
    return answer;
  });
  if (!found) throw new Error(`${name} ended\n${output}`);
  return { pid: child.pid, found };
}

/** Runs a command to its end. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')}: ${code}\n${output}`)),
    );
  });
}

async function eventually(name, attempt) {
  const end = Date.now() + START_TIMEOUT_MS;
  let last;
  do {
    try {
      return await attempt();
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } while (Date.now() < end);
  throw new Error(`${name}: ${last}`);
}

async function startStore() {
  const script = join(ROOT, 'tests/harness/moto_s3.py');
  const { found } = await start('S3 server', join(TOOLS, 'python/bin/python'), [script], {}, (output) =>
    /^(\d+)$/m.exec(output),
  );
  const endpoint = `http://127.0.0.1:${found[1]}`;
  for (const bucket of ['ochre', 'reference']) {
    const made = await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
    if (!made.ok) throw new Error(`bucket ${bucket}: ${made.status}`);
  }
  return endpoint;
}

async function startOchre(endpoint) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const config = join(work, 'ochre.toml');
  writeFileSync(
    config,
    `[http]
listen = "127.0.0.1:${port}"
base_url = "${url}"
[storage]
backend = "s3"
bucket = "ochre"
region = "us-east-1"
endpoint = "${endpoint}"
access_key_id = "test"
secret_access_key = "testtest"
allow_http = true
public_url = "${endpoint}/ochre/"
[samples]
publish = false
[templates]
types = ["oc-template-react"]
`,
  );
  const ready = () => fetch(`${url}~ready`).then((answer) => answer.ok, () => false);
  const binary = join(TARGET, 'ochre-registry');
  const { pid } = await start('Ochre', binary, ['--config', config], { cwd: work }, ready);
  return { url, pid };
}

async function startReference(endpoint) {
  const port = await freePort();
  const tempDir = join(work, 'reference-uploads/');
  mkdirSync(tempDir);
  const options = { modules: MODULES, port, endpoint, bucket: 'reference', tempDir, registry: { pollingInterval: 5 } };
  const script = join(ROOT, 'tests/harness/node_registry.js');
  const env = { ...process.env, NODE_ENV: 'production' };
  const { pid } = await start('reference', NODE, [script, JSON.stringify(options)], { env }, (output) =>
    output.includes('ready'),
  );
  return { url: `http://127.0.0.1:${port}/`, pid };
}

/** Packages the components once with the real CLI and publishes the same package to both. */
async function publish(registries) {
  const cli = join(MODULES, 'oc/dist/oc-cli.js');
  const env = { ...process.env, PATH: `${dirname(NODE)}${delimiter}${process.env.PATH}`, NODE_ENV: 'production' };
  for (const component of COMPONENTS) {
    const folder = join(work, component);
    cpSync(join(ROOT, 'loadtest/components', component), folder, { recursive: true });
    symlinkSync(MODULES, join(folder, 'node_modules'));
    await run(NODE, [cli, 'package', component], { cwd: work, env });
    for (const { url } of registries) {
      await run(NODE, [cli, 'publish', component, '--skipPackage', '--registries', url], { cwd: work, env });
      await eventually(`${component} on ${url}`, async () => {
        const answer = await fetch(`${url}${component}/1.x.x?name=Ada`);
        if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      });
    }
  }
}

async function main() {
  const endpoint = await startStore();
  const ochre = await startOchre(endpoint);
  const reference = await startReference(endpoint);
  await publish([ochre, reference]);
  await run(
    join(TARGET, 'ochre-loadtest'),
    [
      ...['--registry', `ochre=${ochre.url},pid=${ochre.pid}`],
      ...['--registry', `oc=${reference.url},pid=${reference.pid}`],
      ...forwarded,
    ],
    { stdio: 'inherit' },
  );
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  for (const child of running) child.kill();
  rmSync(work, { recursive: true, force: true });
}
process.exit();
