'use strict';
// Starts the Node registry of npm `oc` on a bucket of an S3 server.
//
// Usage: node node_registry.js OPTIONS, where OPTIONS is one JSON object:
//   modules   the node_modules folder that holds `oc`
//   port      where to listen on 127.0.0.1
//   endpoint  URL of the S3 server
//   bucket    an existing bucket
//   tempDir   where uploads are put, with a slash at the end
//   registry  further options of the registry, merged over those below (optional)
//   fresh     true: render every es6 request as the first of its component (optional)
// Prints `ready` when the registry listens, and ends when its standard input closes.

const path = require('node:path');

const options = JSON.parse(process.argv[2]);
const load = (name) => require(path.join(options.modules, name));

const oc = load('oc');
const { S3 } = load('@aws-sdk/client-s3');
const credentials = { key: 'test', secret: 'testtest' };
const componentsDir = 'components';

// oc-template-es6 keeps the first HTML of a component and gives it to every later caller, and
// the view counts its calls in the realm it was evaluated in. Neither is taken from the cache
// here, so each request is answered as the first one would be. All parts share one cache.
function forgetRenderedHtml() {
  const NiceCache = load('nice-cache');
  const cache = new NiceCache({});
  const { get } = cache;
  cache.get = (type, key) => {
    const isView = type === 'file-contents' && String(key).endsWith('/template.js');
    return isView || type === 'es6Component' ? undefined : get(type, key);
  };
}

// The S3 adapter does not recognise a missing components.json, so the first start on an empty
// bucket fails: a list without components is put there first, unless there is one.
async function seedComponentList() {
  const s3 = new S3({
    endpoint: options.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: credentials.key, secretAccessKey: credentials.secret },
  });
  const put = async (name, body) => {
    const Key = `${componentsDir}/${name}`;
    try {
      await s3.putObject({ Bucket: options.bucket, Key, Body: JSON.stringify(body), IfNoneMatch: '*' });
    } catch (error) {
      if (error.name !== 'PreconditionFailed') throw error;
    }
  };
  await put('components.json', { lastEdit: 1, components: {} });
  await put('components-details.json', { lastEdit: 1, components: {} });
}

// The types that are rendered beside OC's own. es6 is registered again: of two packages of one
// type, the first renders.
async function templates() {
  const types = ['es6', 'react', 'typescript-react', 'preact', 'vue', 'solid', 'svelte'];
  const esm = path.join(options.modules, 'oc-template-esm/dist/index.js');
  return [...types.map((type) => load(`oc-template-${type}`)), await import(esm)];
}

async function main() {
  if (options.fresh) forgetRenderedHtml();
  await seedComponentList();
  // Plugins are registered by a call: `module` is the file of each.
  const { plugins = [], ...further } = options.registry ?? {};
  const registry = new oc.Registry({
    baseUrl: `http://127.0.0.1:${options.port}/`,
    port: options.port,
    prefix: '/',
    verbosity: 0,
    tempDir: options.tempDir,
    pollingInterval: 1,
    env: { name: 'local' },
    templates: await templates(),
    storage: {
      adapter: load('oc-s3-storage-adapter').default,
      options: {
        ...credentials,
        bucket: options.bucket,
        region: 'us-east-1',
        endpoint: options.endpoint,
        s3ForcePathStyle: true,
        sslEnabled: false,
        componentsDir,
        path: `${options.endpoint}/${options.bucket}/`,
      },
    },
    ...further,
  });
  for (const { module, ...plugin } of plugins) registry.register({ ...plugin, register: require(module) });
  await new Promise((resolve, reject) => {
    registry.start((error) => (error ? reject(error) : resolve()));
  });
  console.log('ready');
}

process.stdin.resume().on('end', () => process.exit());
main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
