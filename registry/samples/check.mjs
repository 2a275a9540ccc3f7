// Checks the samples the way an OpenComponents registry and a browser evaluate them.
//
//   node check.mjs           fails when a digest, a size or a rendering is wrong
//   node check.mjs --write   first writes digests and sizes into the samples
//
// Needs Node 18 or newer and nothing from npm.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const STATIC_PATH = 'http://localhost:3000/~assets/';

const read = (sample, file) => readFileSync(join(FOLDER, sample, file), 'utf8');
const sha1 = (text) => createHash('sha1').update(text).digest('hex');

/** The part of a view that its key is the digest of: what is assigned to `oc.es6Components[key]`. */
function bundle(template) {
  const found = /oc\.es6Components\['[^']*'\] = \(([\s\S]*?)\n  \);\n  if \(!model\)/.exec(template);
  assert.ok(found, 'the view has no bundle');
  return found[1];
}

function write(sample) {
  const manifest = JSON.parse(read(sample, 'package.json'));
  const { files } = manifest.oc;
  const hasProvider = existsSync(join(FOLDER, sample, 'server.js'));
  const previous = files.template.hashKey;
  const key = sha1(bundle(read(sample, 'template.js')));

  for (const file of hasProvider ? ['template.js', 'server.js'] : ['template.js']) {
    writeFileSync(join(FOLDER, sample, file), read(sample, file).replaceAll(previous, key));
  }
  files.template.hashKey = key;
  files.template.size = Buffer.byteLength(read(sample, 'template.js'));
  if (hasProvider) {
    files.dataProvider.hashKey = sha1(read(sample, 'server.js'));
    files.dataProvider.size = Buffer.byteLength(read(sample, 'server.js'));
  }
  writeFileSync(join(FOLDER, sample, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function checkManifest(sample) {
  const manifest = JSON.parse(read(sample, 'package.json'));
  const { template, dataProvider, static: folders } = manifest.oc.files;
  const view = read(sample, 'template.js');

  assert.equal(manifest.name, sample);
  assert.equal(template.hashKey, sha1(bundle(view)), `${sample}: hashKey of the view`);
  assert.equal(template.size, Buffer.byteLength(view), `${sample}: size of the view`);
  assert.equal(view.match(/\['([0-9a-f]{40})'\]/g).length, 3, `${sample}: uses of the key`);
  assert.equal(new Set(view.match(/[0-9a-f]{40}/g)).size, 1, `${sample}: one key`);
  for (const folder of folders) {
    assert.ok(existsSync(join(FOLDER, sample, folder)), `${sample}: ${folder}`);
  }
  assert.equal(existsSync(join(FOLDER, sample, 'server.js')), dataProvider !== undefined);
  if (dataProvider) {
    const server = read(sample, 'server.js');
    assert.equal(dataProvider.hashKey, sha1(server), `${sample}: hashKey of the provider`);
    assert.equal(dataProvider.size, Buffer.byteLength(server), `${sample}: size of the provider`);
    assert.ok(server.includes(`key: '${template.hashKey}'`), `${sample}: key in the provider`);
    assert.ok(server.includes(`_componentVersion: '${manifest.version}'`), `${sample}: version`);
  }
  return manifest;
}

/** Parameters as the registry hands them over: what the caller gave, then the defaults. */
function parameters(manifest, given) {
  const all = { ...given };
  for (const [name, declared] of Object.entries(manifest.oc.parameters)) {
    if (!(name in all) && !declared.mandatory && 'default' in declared) all[name] = declared.default;
  }
  return all;
}

/** The view-model: from the provider, or from the parameters alone when there is none. */
async function model(sample, given, renderComponent) {
  const manifest = JSON.parse(read(sample, 'package.json'));
  const params = parameters(manifest, given);
  const staticPath = `${STATIC_PATH}${sample}/${manifest.version}/`;
  const baseUrl = 'http://localhost:3000/';
  if (!manifest.oc.files.dataProvider) {
    const own = {
      _staticPath: staticPath,
      _baseUrl: baseUrl,
      _componentName: sample,
      _componentVersion: manifest.version,
    };
    return { component: { props: { ...params, ...own } } };
  }
  const scope = { module: { exports: {} }, Promise, Error };
  scope.exports = scope.module.exports;
  vm.runInNewContext(read(sample, 'server.js'), scope);
  return new Promise((resolve, reject) => {
    scope.module.exports.data({ params, staticPath, baseUrl, renderComponent }, (error, data) =>
      error ? reject(error) : resolve(data),
    );
  });
}

/** What a browser and `oc-template-es6` 1.x do: call the compiled view. */
function viewInBrowser(sample, data) {
  const scope = {};
  vm.runInNewContext(read(sample, 'template.js'), scope);
  const key = JSON.parse(read(sample, 'package.json')).oc.files.template.hashKey;
  return scope.oc.components[key](data);
}

/** What `oc-template-es6` 2.x does on a registry: two calls, then the view with `__html`. */
function viewOnRegistry(sample, data) {
  const scope = {};
  const key = JSON.parse(read(sample, 'package.json')).oc.files.template.hashKey;
  vm.runInNewContext(
    `${read(sample, 'template.js')}
     oc.components['${key}'](${JSON.stringify(data)});
     oc._element = { innerHTML: '' };
     oc.es6Components['${key}'](${JSON.stringify(data.component.props)}, oc._element);`,
    scope,
  );
  return scope.oc.components[key]({ ...data, __html: scope.oc._element.innerHTML });
}

async function render(sample, given) {
  const data = await model(sample, given, (name, { parameters: nested }) => render(name, nested));
  const html = viewInBrowser(sample, { ...data, id: '1' });
  assert.equal(viewOnRegistry(sample, { ...data, id: '1' }), html, `${sample}: both ways agree`);
  return html;
}

const hostile = `<img src=x onerror="alert('1')">&`;
const escaped = '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;';

const SAMPLES = {
  async hello() {
    assert.match(await render('hello', {}), /Hello, World.*👋</u);
    assert.match(await render('hello', { name: 'Ada', tone: 'formal', waves: 3 }), /Good day, Ada.*👋👋👋</u);
    assert.doesNotMatch(await render('hello', { waves: Number.NaN }), /👋/u);
    assert.equal((await render('hello', { waves: 1e9 })).match(/👋/gu).length, 5);
    assert.ok((await render('hello', { name: hostile })).includes(escaped));
  },
  async 'greeting-card'() {
    assert.match(await render('greeting-card', { name: 'Ada' }), /<article.*Good day, Ada.*component registry/su);
    const html = await render('greeting-card', { name: hostile, message: hostile, from: hostile });
    assert.equal(html.split(escaped).length, 4);
    assert.ok(!html.includes('<img'));
    const refused = model('greeting-card', { name: 'Ada' }, () => Promise.reject('not found'));
    await assert.rejects(refused, /hello could not be rendered: not found/);
  },
  async gallery() {
    const html = await render('gallery', { title: hostile, start: 2 });
    assert.ok(html.includes(escaped));
    assert.match(html, /hidden><img[^>]*dunes\.svg.*<figure class="[^"]*"><img[^>]*cliffs\.svg/);
    for (const [, file] of html.matchAll(/(?:src|href)="[^"]*\/gallery\/1\.0\.0\/([^"]*)"/g)) {
      assert.ok(existsSync(join(FOLDER, 'gallery', file)), file);
    }
    assert.match(await render('gallery', {}), /Ochre landscapes/);
  },
};

for (const [sample, check] of Object.entries(SAMPLES)) {
  if (process.argv.includes('--write')) write(sample);
  checkManifest(sample);
  await check();
  console.log(`${sample}: ok`);
}
