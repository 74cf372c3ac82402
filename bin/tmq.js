#!/usr/bin/env node
/**
 * Starts tmq: picks the bundle of the command and runs it from V8's code cache, which saves half the time that
 * starting takes beyond Node's own. The cache is code: only this user may write its directory. It holds the
 * bytes twice, because V8 does not check them and a single wrong bit can make a run hang; comparing costs under 1 %.
 */

'use strict';

// SIGUSR1 would open Node's debugger, in which any user of this machine could run code. A broker ignores the signal;
// for the other commands the listener goes again below, which leaves the signal's default action: the end.
const ignoreSignal = () => undefined;
process.on('SIGUSR1', ignoreSignal);

const fs = require('node:fs');
const {basename, dirname, isAbsolute, join} = require('node:path');
const {Script} = require('node:vm');

const {O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY} = fs.constants;
const {env} = process;
const user = process.getuid?.();

const directoryOfBundles = join(__dirname, '..', 'dist');

/** The bundle for these words: that of the command, or the one that has everything. @returns {string} */
function bundleName() {
  const program = basename(process.argv[1] ?? '');
  /** @type {Readonly<Record<string, string | undefined>>} */
  const links = {mosquitto: 'broker', 'vmq-passwd': 'passwd'};
  const linked = links[program] ?? /^mosquitto_(\w+)$/.exec(program)?.[1];
  const command = linked ?? process.argv[2] ?? '';
  const name = `command-${command}`;
  return /^\w+$/.test(command) && fs.existsSync(join(directoryOfBundles, `${name}.cjs`)) ? name : 'tmq';
}

/** Where caches are kept, made if need be; undefined if there is no place that is ours alone. */
function cacheDirectory() {
  if (env.TMQ_NO_CODE_CACHE === '1' || user === undefined) return undefined;
  const {XDG_CACHE_HOME: given, HOME: home} = env;
  const absolute = (/** @type {string | undefined} */ path) => path !== undefined && isAbsolute(path);
  const base = absolute(given) ? given : absolute(home) ? join(String(home), '.cache') : undefined;
  if (base === undefined) return undefined;
  const directory = join(base, 'tmq');
  // One level at a time: below some unwritable paths a recursive mkdir of Node 20 never comes back.
  for (const path of [base, directory]) {
    if (fs.statSync(path, {throwIfNoEntry: false}) !== undefined) continue;
    // Under sudo the home may belong to another user, who could not write what root makes there.
    if (fs.statSync(dirname(path)).uid !== user) return undefined;
    fs.mkdirSync(path, {mode: 0o700});
  }
  const {uid, mode} = fs.lstatSync(directory);
  // A symbolic link has mode 0777.
  return uid === user && (mode & 0o077) === 0 ? directory : undefined;
}

/**
 * The cached code in a file; undefined unless it is ours, whole, and of this key.
 * @param {string} path @param {Buffer} key @returns {Buffer | undefined}
 */
function readCache(path, key) {
  const file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const status = fs.fstatSync(file);
    if (!status.isFile() || status.uid !== user || (status.mode & 0o022) !== 0) return undefined;
    const bytes = fs.readFileSync(file);
    if (!bytes.subarray(0, key.length).equals(key)) return undefined;
    // It is there twice. A comparison is the cheapest check that finds every kind of damage.
    const half = (bytes.length - key.length) / 2;
    const first = bytes.subarray(key.length, key.length + half);
    return half > 0 && first.equals(bytes.subarray(key.length + half)) ? first : undefined;
  } finally {
    fs.closeSync(file);
  }
}

/** @param {string} path @param {Buffer} key @param {Buffer} data */
function writeCache(path, key, data) {
  const temporary = `${path}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, Buffer.concat([key, data, data]), {flag: 'wx', mode: 0o600});
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.unlinkSync(temporary);
    throw error;
  }
  removeStale(dirname(path));
}

/** Removes the caches of old versions: each version leaves about a megabyte for each command. @param {string} folder */
function removeStale(folder) {
  const monthAgo = Date.now() - 30 * 24 * 3600 * 1000;
  for (const entry of fs.readdirSync(folder)) {
    const {mtimeMs} = fs.lstatSync(join(folder, entry));
    if (mtimeMs < monthAgo) fs.unlinkSync(join(folder, entry));
  }
}

/** Ignores errors of the cache: tmq works without it. @template T @param {() => T} action @returns {T | undefined} */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const directory = attempt(cacheDirectory);
const flags = [...process.execArgv, env.NODE_OPTIONS ?? ''];
/** Write the caches that were missing. @type {(() => void)[]} */
const cacheWriters = [];
/**
 * The cached code. It is never freed: the C library would then keep later memory as well, 2 MB in a broker with
 * 1000 clients.
 * @type {Buffer[]}
 */
const read = [];

/** Runs a bundle of ours, from the cache if it is there. @param {string} name @returns {object} */
function run(name) {
  const filename = join(directoryOfBundles, `${name}.cjs`);
  const source = fs.readFileSync(filename, 'latin1');
  // The first line of a bundle is tmq's version and a hash of the rest. V8's code depends on the flags too.
  const stamp = source.slice(0, source.indexOf('\n'));
  const key = Buffer.from(`${JSON.stringify([stamp, process.version, process.arch, flags])}\n`);
  const path = directory && join(directory, `${name}-${process.version}-${process.arch}-${stamp.slice(-16)}`);
  const cachedData = path && attempt(() => readCache(path, key));
  if (cachedData) read.push(cachedData);
  const script = new Script(source, {filename, ...(cachedData ? {cachedData} : {})});
  if (path && (!cachedData || script.cachedDataRejected)) {
    cacheWriters.push(() => writeCache(path, key, script.createCachedData()));
  }
  const bundle = {exports: {}};
  script.runInThisContext()(bundle.exports, requireThere, bundle);
  return bundle.exports;
}

/** Closes a debugger that SIGUSR1 opened before the first line of this file, and that no option asked for. */
function closeDebugger() {
  if (flags.some((words) => words.includes('--inspect'))) return;
  const inspector = require('node:inspector');
  if (inspector.url() !== undefined) inspector.close();
}

// After a poll of the event loop: Node opens the debugger there too, which would follow an earlier close. And not in
// a short run, though its broker be on another continent: loading the modules takes milliseconds.
setTimeout(() => setImmediate(closeDebugger), 250).unref();

/** @type {Map<string, object>} */
const libraries = new Map();

/** Loads a file beside the bundles, or a module of Node. @param {string} id */
function requireThere(id) {
  if (!id.startsWith('./')) return require(id);
  const library = /^\.\/(library-\w+|tmq)\.cjs$/.exec(id)?.[1];
  if (library === undefined) return require(join(directoryOfBundles, id));
  const loaded = libraries.get(library) ?? run(library);
  libraries.set(library, loaded);
  return loaded;
}

const bundle = bundleName();
if (bundle === 'tmq' && !fs.existsSync(join(directoryOfBundles, 'tmq.cjs'))) {
  console.error(`Error: tmq is not built. Run 'npm install' in ${dirname(__dirname)}, then try again.`);
  process.exit(1);
}
if (bundle !== 'command-broker') process.off('SIGUSR1', ignoreSignal);
const {main, processIo} = /** @type {typeof import('../src/main.ts')} */ (run(bundle));
main(process.argv.slice(2), processIo(process.argv[1])).then((status) => {
  process.exitCode = status;
  // A successful run has compiled the functions worth caching; --help has not.
  if (status === 0 && !process.argv.includes('--help')) for (const write of cacheWriters) attempt(write);
});
