// One program: the realms of its provider and its view, made when a call needs them first.
(function (parts) {
  'use strict';
  const { require, script, natives, modules, wire, call: { providerError, shortened, parsed } } = parts;
  const { newRealm, guarded, retold, evaluate, run } = parts.realms;
  const vm = require('vm');
  const CONSOLE_LENGTH_MAX = 8 * 1024;
  const PLUGIN_ENVIRONMENT = { NODE_ENV: 'production' };
  const packs = new Map();

  // The scripts of template packs are shared by all programs.
  function packScript({ origin, source }) {
    const key = `${origin}\n${source}`;
    if (!packs.has(key)) packs.set(key, new vm.Script(source, { filename: origin }));
    return packs.get(key);
  }

  // Frames of ours and of Node tell nobody anything, and paths of this machine are nobody's business.
  function frames(stack) {
    const kept = stack.split('\n').filter((line) => !/^\s+at (?:.*\()?(?:ochre:|\[eval|node:)/.test(line));
    return modules.hidden(kept.join('\n'));
  }

  const objectOf = (value) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {});
  const nested = ({ name, version, parameters, headers, ip }) => ({
    name: `${name}`,
    version: `${version}`,
    parameters: objectOf(parameters),
    headers: objectOf(headers),
    ip: typeof ip === 'string' ? ip : null,
  });

  // Errors of components may not like to be read.
  function told(error) {
    try {
      return String(error);
    } catch {
      return 'script failed';
    }
  }

  let uses = 0;

  class Release {
    // Counts up over all programs.
    lastUsed = 0;
    #program;
    #tools;
    #plugins = undefined;
    #provider = undefined;
    #view = undefined;
    #isProven = false;
    #calls = new Map();
    #timers = new Map();

    // `tools`: what `worker.js` offers to all programs.
    constructor(program, tools) {
      this.#program = program;
      this.#tools = tools;
    }

    get isIdle() {
      return this.#calls.size === 0;
    }

    get isLoaded() {
      return this.#provider !== undefined || this.#view !== undefined;
    }

    // Drops the realms; the next call makes them again.
    unload() {
      this.#plugins = undefined;
      this.#provider = undefined;
      this.#view = undefined;
      this.#isProven = false;
    }

    begin(call, input, envelope) {
      this.lastUsed = ++uses;
      this.#calls.set(call.id, call);
      call.handed = [input, envelope];
      this.#enter(call, () => this.#start(call));
      if (!this.#provider?.waits(call.id)) call.handed = undefined;
      if (this.#calls.has(call.id)) call.expiry = setTimeout(() => this.#expire(call), call.limits.deadline / 1000);
    }

    // Nobody waits for the answer any more. The plugins may be registered on behalf of a call that
    // waits for them: others need it.
    cancel(call) {
      if (this.#provider?.waits(call.id)) call.isCancelled = true;
      else this.#forget(call);
    }

    // An answer of the registry to what `side` asked for the call.
    resume(call, { side, id }, ok, text) {
      call.closed();
      if (!this.#calls.has(call.id)) return;
      this.#enter(call, () => side.resume(id, ok, ok ? side.parse(text) : text));
      this.settled(call);
    }

    resumeFetch(call, { side, id }, head, body) {
      call.closed();
      if (!this.#calls.has(call.id)) return;
      const parts = side.parse(wire.json(head));
      parts.body = side.bytes(body.length);
      body.copy(parts.body);
      this.#enter(call, () => side.resume(id, true, parts));
      this.settled(call);
    }

    // An error that reached the process: of a floating promise, or thrown where nobody caught it.
    caught(call, error, isThrown, promise) {
      const isPlugins = this.#plugins !== undefined && promise instanceof this.#plugins.Promise;
      const side = isPlugins ? this.#plugins : this.#provider;
      if (side !== undefined) this.#enter(call, () => side.caught(call.id, retold(side, error), isThrown));
      else this.#tools.fail(call, { kind: 'provider', detail: { message: 'script failed' } });
      this.settled(call);
    }

    #enter(call, work) {
      this.#tools.run(call, () => {
        try {
          work();
        } catch (error) {
          const provider = this.#provider;
          // Ours, or of a realm that could not be made.
          if (provider === undefined) this.#tools.fail(call, { kind: 'provider', detail: { message: told(error) } });
          else provider.caught(call.id, retold(provider, error), true);
        }
      });
    }

    #start(call) {
      const { task } = call;
      const { provider, view } = this.#program;
      const needsProvider = task === 'data' || task === 'dataAndRender' || (task === 'warm' && provider != null);
      const needsView = task === 'render' || (task === 'warm' && view != null);
      if (needsProvider && !(this.#loadPlugins(call) && this.#loadProvider(call))) return;
      if (needsView && !this.#loadView(call)) return;
      if (task === 'warm') this.#tools.answer(call, 'empty');
      else if (task === 'render') this.#render(call, call.handed[0]);
      else this.#provide(call, call.handed, task === 'dataAndRender');
    }

    #provide(call, [input, envelope], isRendered) {
      const isFirst = !this.#isProven;
      this.#isProven = true;
      this.#provider.start(call.id, this.#provider.parse(input), isRendered, isFirst, envelope);
    }

    #render(call, input) {
      let model;
      try {
        model = this.#view.parse(input);
      } catch (error) {
        this.#view.fail(call.id, retold(this.#view, error));
        return;
      }
      this.#view.render(call.id, call.renderId, model);
    }

    // The view is loaded once there is a model: an error of the provider comes first.
    #deliver(call, model) {
      if (call !== undefined && this.#loadView(call)) this.#view.render(call.id, call.renderId, model);
    }

    // The realm of the operator's plugins, if the provider names them.
    #loadPlugins(call) {
      const { plugins, provider } = this.#program;
      if (this.#plugins !== undefined || plugins === undefined || !provider.source.includes('plugins')) return true;
      const { side, host } = this.#newSide(plugins.map((plugin) => plugin.script.source));
      host.plugin = (index) => evaluate(side, plugins[index].script);
      const own = this.#bootstrap(side, host, { environment: PLUGIN_ENVIRONMENT, first: 1 });
      const list = side.parse(JSON.stringify(plugins.map(({ script: _, ...rest }) => rest)));
      const port = run(script('port'), side.context)();
      try {
        side.peer = run(script('plugins'), side.context)(own, port, list);
      } catch (error) {
        side.broken(call.id, retold(side, error));
        return false;
      }
      this.#plugins = side;
      return true;
    }

    #loadProvider(call) {
      if (this.#provider !== undefined) return true;
      const { console, environment, provider } = this.#program;
      const { side, host } = this.#newSide([provider.source]);
      if (!console) delete host.console;
      host.peer = this.#plugins?.peer;
      host.proceed = (id) => setImmediate(() => this.#proceed(id));
      host.discard = () => setImmediate(() => this.#discard(side));
      this.#bootstrap(side, host, { environment, first: 2 });
      try {
        evaluate(side, provider);
        side.loaded();
      } catch (error) {
        side.broken(call.id, retold(side, error));
        return false;
      }
      this.#provider = side;
      return true;
    }

    // A realm with OC's globals, and the native side of its bootstrap script.
    #newSide(sources) {
      const side = newRealm();
      return { side, host: this.#hostOf(side, sources.some(modules.isRequiredBy)) };
    }

    #bootstrap(side, host, { environment, first }) {
      host.environment = JSON.stringify(environment);
      host.first = first;
      const own = guarded(side, host);
      Object.assign(side, run(script('provider'), side.context)(own));
      return own;
    }

    // Starts a call that waited for the plugins.
    #proceed(id) {
      const call = this.#calls.get(id);
      if (call === undefined) return;
      call.handed = undefined;
      if (call.isCancelled) {
        this.#forget(call);
        return;
      }
      this.#enter(call, () => this.#provider.proceed(id));
      this.settled(call);
    }

    // The plugins cannot be used: calls that wait for them begin afresh, as do those to come.
    #discard(side) {
      if (this.#provider !== side) return;
      this.unload();
      for (const call of [...this.#calls.values()]) {
        if (!call.isCancelled && side.waits(call.id)) {
          this.#enter(call, () => this.#start(call));
        } else {
          this.#tools.refuse(call, { kind: 'crashed' });
          this.#forget(call);
        }
      }
    }

    #loadView(call) {
      if (this.#view !== undefined) return true;
      const realm = newRealm();
      const { key, pack, script: view } = this.#program.view;
      const entries = run(script('view'), realm.context)(guarded(realm, this.#viewHost()));
      try {
        for (const { module, script: runtime } of pack.runtimes) {
          entries.define(module, run(packScript(runtime), realm.context));
        }
        entries.prepare(run(packScript(pack.adapter), realm.context));
        evaluate(realm, view);
        entries.link(key);
      } catch (error) {
        entries.fail(call.id, retold(realm, error));
        return false;
      }
      this.#view = { ...realm, ...entries };
      return true;
    }

    #viewHost() {
      const { answer, fail } = this.#tools;
      return {
        isV8: true,
        escapeHtml: natives.escapeHtml,
        outOfMemory: () => false,
        exhausted: () => {},
        html: (id, html) => answer(this.#calls.get(id), 'html', html),
        empty: (id) => answer(this.#calls.get(id), 'empty'),
        viewFailed: (id, text) => {
          const error = text === undefined ? null : parsed(text);
          if (typeof error?.stack === 'string') error.stack = frames(error.stack);
          fail(this.#calls.get(id), { kind: 'view', detail: error });
        },
      };
    }

    #hostOf(side, needsModules) {
      const { answer, fail, tell } = this.#tools;
      return {
        ...natives.nativesOf(side),
        isV8: true,
        outOfMemory: () => false,
        exhausted: () => {},
        current: () => this.#tools.current()?.id ?? 0,
        prelude: (name) => {
          if (needsModules && Object.hasOwn(natives.own, name)) return natives.own[name];
          return run(script(name), side.context);
        },
        require: (name) => modules.find(name),
        answer: (id, model) => answer(this.#calls.get(id), 'model', model),
        deliver: (id, model) => this.#deliver(this.#calls.get(id), model),
        unserializable: (id, text) => fail(this.#calls.get(id), { kind: 'notSerializable', detail: shortened(text) }),
        missing: (id, paths) =>
          fail(this.#calls.get(id), { kind: 'missingDependencies', detail: Array.from(paths, shortened) }),
        fail: (id, message, stack, original, status) => {
          const told = stack === undefined ? undefined : frames(stack);
          fail(this.#calls.get(id), { kind: 'provider', detail: providerError(message, told, original, status) });
        },
        streamed: (id, first) => this.#tools.stream(this.#calls.get(id), 'stream', first),
        piece: (id, text) => this.#tools.piece(this.#calls.get(id), text),
        ended: (id, error) => this.#tools.endStream(this.#calls.get(id), error),
        unstreamable: (id, error) => {
          const call = this.#calls.get(id);
          this.#tools.stream(call, 'failedStream', error);
          this.#tools.endStream(call);
        },
        header: (id, name, value) => this.#calls.get(id)?.setHeader(name, value),
        cookie: (id, name, value, options) => this.#calls.get(id)?.setCookie(name, value, options),
        console: (level, line) => {
          const call = this.#tools.current();
          if (call !== undefined && typeof line === 'string') tell(call, { kind: 'console', call: call.id, level, line: line.slice(0, CONSOLE_LENGTH_MAX) });
        },
        timer: (id, milliseconds) => this.#setTimer(side, id, milliseconds),
        clearTimer: (id) => this.#clearTimer(id),
        render: (id, items) => this.#askRender({ side, id }, items),
        fetch: (id, head, body) => this.#askFetch({ side, id }, head, body),
      };
    }

    #askRender(request, items) {
      const call = this.#tools.current();
      if (call === undefined || typeof items !== 'string' || wire.isDeep(items) || !call.mayHandOver(items.length) || !call.mayOpen()) return false;
      // Read and written again: the program may have replaced what writes JSON there.
      const header = { kind: 'render', call: call.id, items: JSON.parse(items).map(nested) };
      this.#tools.ask(call, request, wire.json(header));
      return true;
    }

    #askFetch(request, [method, url, redirect, ...flat], body) {
      const call = this.#tools.current();
      if (call === undefined || !call.mayFetch() || !call.mayHandOver(body?.length ?? 0) || !call.mayOpen()) return false;
      const headers = [];
      for (let at = 0; at + 1 < flat.length; at += 2) headers.push([flat[at], flat[at + 1]]);
      const header = { kind: 'fetch', call: call.id, method, url, headers, redirect, hasBody: body != null };
      this.#tools.ask(call, request, wire.json(header), body ?? undefined);
      return true;
    }

    #setTimer(side, id, milliseconds) {
      const call = this.#tools.current();
      if (call === undefined || !this.#calls.has(call.id) || !call.mayOpen()) return false;
      const timeout = setTimeout(() => {
        this.#timers.delete(id);
        call.closed();
        this.#enter(call, () => side.fire(id));
        this.settled(call);
      }, milliseconds);
      this.#timers.set(id, { timeout, call });
      return true;
    }

    #clearTimer(id) {
      const timer = this.#timers.get(id);
      if (timer === undefined) return;
      if (!timer.call.mayClear()) throw new RangeError('too many timers are cleared without a pause');
      clearTimeout(timer.timeout);
      this.#timers.delete(id);
      timer.call.closed();
    }

    // The call is over once it is answered and nothing of it is open.
    settled(call) {
      if (call.isAnswered && !call.isOpen) this.#forget(call);
    }

    #expire(call) {
      const { deadline } = call.limits;
      call.isLate = true;
      this.#tools.fail(call, { kind: 'timeout', detail: deadline });
      this.#tools.endStream(call, `Error: timeout (${deadline / 1000}ms)`);
      this.#forget(call);
    }

    #forget(call) {
      clearTimeout(call.expiry);
      if (!this.#calls.delete(call.id)) return;
      // Most calls never had anything open.
      if (call.wasOpen || call.isLate || !call.isAnswered) {
        for (const [id, timer] of this.#timers) {
          if (timer.call !== call) continue;
          clearTimeout(timer.timeout);
          this.#timers.delete(id);
        }
        this.#forgetInside(call);
      }
      this.#tools.ended(call);
    }

    #forgetInside(call) {
      try {
        this.#provider?.forget(call.id);
      } catch {
        // what it keeps goes with its realm
      }
    }
  }

  return { Release };
});
