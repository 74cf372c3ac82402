/** The options file: where it is looked for, what its lines mean, and what goes wrong. */

import assert from 'node:assert/strict';
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import fc from 'fast-check';
import {optionsFilePaths, parseOptionsFile, readOptionsFile} from '../../../src/cli/options-file.ts';
import {parse} from '../../../src/cli/parse.ts';
import {pub} from '../../../src/commands/pub/pub.ts';
import {sub} from '../../../src/commands/sub/sub.ts';
import {runMain} from '../../support/run.ts';
import {run} from '../../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..', '..');

const words = (content: string) => parseOptionsFile(content, 'f').map((line) => line.words);
const values = (content: string, ...typed: readonly string[]) =>
  parse(pub, typed, () => parseOptionsFile(content, 'f')).values;

/** A directory with files, gone after the test. */
function directoryWith(files: Readonly<Record<string, string>>): {readonly path: string} & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'tmq-options-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), {recursive: true});
    writeFileSync(join(path, name), content);
  }
  return {path, [Symbol.dispose]: () => rmSync(path, {recursive: true, force: true})};
}

test('a line is an option, a space, and its value verbatim', () => {
  assert.deepEqual(words('-t a b\n--will-payload "quoted" \\n \n-d\n'), [
    ['-t', 'a b'],
    ['--will-payload', '"quoted" \\n '],
    ['-d'],
  ]);
  assert.deepEqual(words('-t  a'), [['-t', ' a']]);
  assert.deepEqual(words('  -t a'), [['-t', 'a']]);
  assert.deepEqual(words('-t\ta'), [['-t\ta']]);
});

test('comments, empty lines, line ends and a byte order mark go', () => {
  assert.deepEqual(words('\uFEFF# comment\r\n\r\n   \n-t a\r\n-d\r\n#-q 9'), [['-t', 'a'], ['-d']]);
  assert.deepEqual(words(' # indented'), [['#', 'indented']]);
  assert.deepEqual(words(''), []);
  assert.deepEqual(words('-d   \n-m '), [['-d'], ['-m']]);
});

test('lines are as long as they are', () => {
  const long = 'x'.repeat(100_000);
  assert.deepEqual(words(`-m ${long}`), [['-m', long]]);
});

test('-D splits its value into words, the last of which keeps its spaces', () => {
  const property = (line: string) => values(`-t a\n${line}`).property?.map(({value}) => value);
  assert.deepEqual(property('-D publish content-type text/plain; a  b '), ['text/plain; a  b ']);
  assert.deepEqual(property('--property publish user-property key some  value'), [['key', 'some  value']]);
  assert.deepEqual(property('-D  publish  USER-property  key  value'), [['key', ' value']]);
  assert.deepEqual(property('-D publish user-property key '), [['key', '']]);
  assert.throws(
    () => property('-D publish user-property key'),
    /^UsageError: f:2: --property argument given/,
  );
  assert.throws(() => property('-D publish content-type'), /not enough arguments/);
  assert.throws(() => property('-D'), /not enough arguments/);
});

test('options typed win, lists grow, conflicts are found across both', () => {
  assert.equal(values('-q 1\n-t a', '-q', '2').qos, 2);
  const read = parse(sub, ['-t', 'b'], () => parseOptionsFile('-t a', 'f')).values;
  assert.deepEqual(read.topics, ['a', 'b']);
  assert.throws(() => values('-m a', '-m', 'b'), {
    message: /^Only one type of message can be sent at once\./,
  });
  const plan = () => pub.plan(values('-i a', '-I', 'b', '-t', 't', '-m', ''), []);
  assert.throws(plan, {message: '-i and -I argument cannot be used together. Leave one out.'});
});

test('a -o in the file is skipped', () => {
  assert.deepEqual(words('-o other\n-d'), [['-d']]);
});

test('an error names file and line', () => {
  assert.throws(() => values('# one\n-q 1\n-q 1x'), {
    message: 'f:3: Invalid QoS given: 1x. It is 0, 1 or 2.',
  });
  assert.throws(() => values('-t a\nbare'), {message: /^f:2: Unknown option 'bare'\./});
  assert.throws(() => values('-m '), {message: 'f:1: -m argument given but no message specified.'});
});

test('the usual places', () => {
  assert.deepEqual(optionsFilePaths('pub', {HOME: '/h', XDG_CONFIG_HOME: '/x'}, 'linux'), [
    '/x/tmq/pub',
    '/x/mosquitto_pub',
  ]);
  assert.deepEqual(optionsFilePaths('rr', {HOME: '/h'}, 'linux'), [
    '/h/.config/tmq/rr',
    '/h/.config/mosquitto_rr',
  ]);
  assert.deepEqual(optionsFilePaths('pub', {XDG_CONFIG_HOME: ''}, 'linux'), ['/tmq/pub', '/mosquitto_pub']);
  assert.deepEqual(optionsFilePaths('pub', {}, 'linux'), []);
});

test('the usual places on Windows: those of APPDATA and of mosquitto', () => {
  const env = {
    APPDATA: 'C:\\Users\\Ann\\AppData\\Roaming',
    USERPROFILE: 'C:\\Users\\Ann',
    HOME: '/c/Users/Ann',
  };
  assert.deepEqual(optionsFilePaths('sub', env, 'win32'), [
    'C:\\Users\\Ann\\AppData\\Roaming\\tmq\\sub',
    'C:\\Users\\Ann\\mosquitto_sub.conf',
  ]);
  const given = optionsFilePaths('sub', {...env, XDG_CONFIG_HOME: 'config'}, 'win32');
  assert.equal(given[0], join('config', 'tmq', 'sub'));
  assert.deepEqual(optionsFilePaths('sub', {}, 'win32'), []);
});

test('the first one that is there is read', () => {
  using directory = directoryWith({
    'tmq/pub': '-t ours',
    mosquitto_pub: '-t theirs',
    mosquitto_sub: '-t sub',
  });
  const env = {XDG_CONFIG_HOME: directory.path};
  const read = (name: string, given?: string) => readOptionsFile(name, given, env, 'linux');
  assert.deepEqual(read('pub'), [{words: ['-t', 'ours'], where: `${directory.path}/tmq/pub:1`}]);
  assert.deepEqual(read('sub')[0]?.words, ['-t', 'sub']);
  assert.deepEqual(read('rr'), []);
  assert.deepEqual(read('pub', join(directory.path, 'mosquitto_sub'))[0]?.words, ['-t', 'sub']);
});

test('a file named by -o has to be readable', () => {
  using directory = directoryWith({});
  const read = (path: string) => () => readOptionsFile('pub', path, {}, 'linux');
  const missing = join(directory.path, 'missing');
  assert.throws(read(missing), {
    name: 'FileError',
    message: `Cannot read the options file ${missing}: no such file or directory.`,
  });
  assert.throws(read(directory.path), {name: 'FileError', message: /: it is a directory\.$/});
});

test('a closed home is one without options, a closed file is an error', async () => {
  using directory = directoryWith({'closed/tmq/pub': '-d', 'open/tmq/pub': '-d'});
  chmodSync(directory.path, 0o755);
  chmodSync(join(directory.path, 'closed'), 0o700);
  chmodSync(join(directory.path, 'open', 'tmq', 'pub'), 0o600);
  // As another user: root can read every file.
  const program = `
    const {readOptionsFile} = await import(${JSON.stringify(pathToFileURL(join(root, 'src/cli/options-file.ts')))});
    if (process.getuid() === 0) process.setuid(65534);
    else for (const name of ['closed', 'open/tmq/pub']) chmodSync(name, 0);
    const read = (name) => readOptionsFile('pub', undefined, {XDG_CONFIG_HOME: name}, 'linux');
    console.log(JSON.stringify(read('closed')));
    try { read('open'); } catch (error) { console.log(error.message); }`;
  const {stdout, stderr} = await run(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      '--input-type=module',
      '-e',
      `import {chmodSync} from 'node:fs';${program}`,
    ],
    {cwd: directory.path},
  );
  assert.deepEqual(
    [stdout.toString(), stderr],
    ['[]\nCannot read the options file open/tmq/pub: permission denied.\n', ''],
  );
});

test('main reads the file, and reports the line of an error', async () => {
  using directory = directoryWith({'tmq/pub': '-q 3\n', other: '--will-retain\n'});
  const env = {XDG_CONFIG_HOME: directory.path};
  const wrong = await runMain(['pub', '-t', 'a', '-m', 'b'], {env});
  assert.equal(wrong.exitCode, 1);
  assert.equal(
    wrong.stderr,
    `Error: ${directory.path}/tmq/pub:1: Invalid QoS given: 3. It is 0, 1 or 2.\n\nUse 'tmq pub --help' to see usage.\n`,
  );
  const other = await runMain(['pub', '-t', 'a', '-m', 'b', '-o', join(directory.path, 'other')], {env});
  assert.match(other.stderr, /^Error: Will retain given, but no will topic given\. Add --will-topic\.\n/);
  const help = await runMain(['pub', '--help'], {env});
  assert.deepEqual([help.exitCode, help.stderr], [0, '']);
});

test('any content gives lines with an option each', () => {
  const line = fc.oneof(fc.string(), fc.constantFrom('-D publish ', '#', '-t ', ' ', '\r', '-d'));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const content = lines.join('\n');
      for (const {words: found, where} of parseOptionsFile(content, 'f')) {
        const number = Number(where.slice(2));
        assert.ok(found.length > 0 && found.every((word) => content.includes(word)));
        assert.ok(content.split('\n')[number - 1]?.includes(found[0]!));
      }
    }),
  );
});
