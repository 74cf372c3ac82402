#!/usr/bin/env node
/**
 * Starts tmq: picks the bundle of the command that was asked for, and runs it from V8's code cache, which
 * is half of what starting costs otherwise. The cache is code, so it is kept in a directory that nobody
 * else can write, and used only if it is whole: V8 itself looks no further than its own version. Without
 * a cache, for whatever reason, everything works the same. TMQ_NO_CODE_CACHE=1 does without.
 */

'use strict';

const fs = require('node:fs');
const {basename, dirname, isAbsolute, join} = require('node:path');
const {Script} = require('node:vm');

const {O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY} = fs.constants;
const {env} = process;
const user = process.getuid?.();

const directoryOfBundles = join(__dirname, '..', 'dist');

/** The bundle for these words: that of the command, or the one that has everything. @returns {string} */
function bundleName() {
  const linked = /^mosquitto_(\w+)$/.exec(basename(process.argv[1] ?? ''))?.[1];
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
    // Under sudo the home may be somebody else's, who could not write what root makes there.
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

/** Removes the caches of versions that were not used lately. @param {string} folder */
function removeStale(folder) {
  const monthAgo = Date.now() - 30 * 24 * 3600 * 1000;
  for (const entry of fs.readdirSync(folder)) {
    const {mtimeMs} = fs.lstatSync(join(folder, entry));
    if (mtimeMs < monthAgo) fs.unlinkSync(join(folder, entry));
  }
}

/** What a cache may not do: matter. @template T @param {() => T} action @returns {T | undefined} */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const directory = attempt(cacheDirectory);
const flags = [...process.execArgv, env.NODE_OPTIONS ?? ''];
/** What puts into the cache what was run without it. @type {(() => void)[]} */
const cacheWriters = [];
/**
 * What came from the cache. Freed, so large a piece would have the C library hold on to what is freed after
 * it: a broker with 1000 clients would have 2 MB more.
 * @type {Buffer[]}
 */
const read = [];

/** Runs a bundle of ours, from the cache if it is there. @param {string} name @returns {object} */
function run(name) {
  const filename = join(directoryOfBundles, `${name}.cjs`);
  const source = fs.readFileSync(filename, 'latin1');
  // The first line of a bundle tells tmq's version and a hash of the rest. Flags change what V8 makes of it.
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

/** @type {Map<string, object>} */
const libraries = new Map();

/** What bundles have in files of their own: what stands beside this program, and packages. @param {string} id */
function requireThere(id) {
  const library = /^\.\/(library-\w+)\.cjs$/.exec(id)?.[1];
  if (library === undefined) return require(id.startsWith('./') ? join(directoryOfBundles, id) : id);
  const loaded = libraries.get(library) ?? run(library);
  libraries.set(library, loaded);
  return loaded;
}

const {main, processIo} = /** @type {typeof import('../src/main.ts')} */ (run(bundleName()));
main(process.argv.slice(2), processIo(process.argv[1])).then((status) => {
  process.exitCode = status;
  // After a run that did its work, so that what it compiled is in the cache; help leaves too much out.
  if (status === 0 && !process.argv.includes('--help')) for (const write of cacheWriters) attempt(write);
});

// All is done and written by now: what Node would still do is to take itself apart, piece by piece. Only
// what its flags may have asked for, a profile perhaps, is made in the course of that.
const {reallyExit} = /** @type {{reallyExit?: (status: number) => void}} */ (
  /** @type {unknown} */ (process)
);
process.once('exit', (status) => {
  if (flags.every((flag) => flag === '')) reallyExit?.call(process, status);
});
