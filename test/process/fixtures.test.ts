/**
 * Configuration, ACL, password and options files as people have them: what tmq makes of each stands beside
 * them in expected.json, and what mosquitto 2.0 makes of it too, which the real one confirms.
 */
// needs: mosquitto, mosquitto_pub, openssl

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {copyFile, mkdir, readdir, readFile} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {after, before, describe, it} from 'node:test';
import {setTimeout as delay} from 'node:timers/promises';
import {type ConfigurationPlace, fixtures, openConfigurationPlace} from '../support/configuration-place.ts';
import {runMain} from '../support/run.ts';
import {type Finished, run, start} from '../support/spawn.ts';
import {runTmq, startTmq} from '../support/tmq.ts';

interface Remark {
  /** Where it points, as in 'mosquitto.conf:3: …'. */
  readonly line?: number;
  /** What it contains. */
  readonly says: string;
}

interface Expectation extends Partial<Remark> {
  readonly tmq: 'accepts' | 'refuses';
  /** mosquitto 2.0, which checks less and stumbles over more. */
  readonly mosquitto: 'starts' | 'refuses';
  /** All of them, in order. */
  readonly warnings?: readonly Remark[];
  /** The fault that the file once showed. */
  readonly fault?: string;
}

type Catalogue = Readonly<Record<string, Expectation>>;

const catalogue = async (kind: string): Promise<Catalogue> =>
  JSON.parse(await readFile(join(fixtures, kind, 'expected.json'), 'utf8'));

const contains = (text: string, {line, says}: Remark) =>
  text.includes(says) && (line === undefined || text.includes(`:${line}: `));

function assertOutcome(
  {exitCode, stderr}: Pick<Finished, 'exitCode' | 'stderr'>,
  expected: Expectation,
): void {
  const lines = stderr.split('\n');
  const warnings = lines.filter((line) => line.startsWith('Warning: '));
  const errors = lines.filter((line) => line.startsWith('Error: '));
  assert.equal(exitCode === 0 ? 'accepts' : 'refuses', expected.tmq, stderr);
  const wanted = expected.warnings ?? [];
  assert.equal(warnings.length, wanted.length, stderr);
  for (const [index, remark] of wanted.entries()) {
    assert.ok(contains(warnings[index]!, remark), `${JSON.stringify(remark)} is not in: ${warnings[index]}`);
  }
  if (expected.tmq === 'accepts') {
    assert.deepEqual(errors, []);
    return;
  }
  assert.equal(errors.length, 1, stderr);
  const {line, says = ''} = expected;
  const remark = line === undefined ? {says} : {line, says};
  assert.ok(contains(errors[0]!, remark), `${JSON.stringify(remark)} is not in: ${errors[0]}`);
}

/** Whether a process has a handler for SIGTERM: mosquitto has once it runs, and no sooner. */
async function catchesTerm(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & (1n << 14n)) !== 0n;
}

/** Starts mosquitto with the file, in a network of its own where all ports are free. */
async function mosquittoOutcome(path: string): Promise<'starts' | 'refuses'> {
  const script = 'ip link set lo up && exec mosquitto -c "$1"';
  await using broker = start('unshare', ['-n', 'sh', '-c', script, 'sh', path]);
  let ended = false;
  void broker.finished.then(() => {
    ended = true;
  });
  while (!ended) {
    if (await catchesTerm(broker.child.pid!)) return 'starts';
    await delay(5);
  }
  return 'refuses';
}

/** A network of its own needs root, and iproute2 for its loopback interface. */
const mayUnshare = process.getuid?.() === 0 && ['/bin/ip', '/sbin/ip'].some((path) => existsSync(path));

/** A configuration that names the file, for those that are not configurations. */
const configurations: Readonly<Record<string, (path: string) => string>> = {
  acl: (path) => `listener 1883\nallow_anonymous true\nacl_file ${path}\n`,
  passwd: (path) => `listener 1883\nallow_anonymous false\npassword_file ${path}\n`,
};

const title = (name: string, {fault}: Expectation) => (fault === undefined ? name : `${fault}: ${name}`);

for (const kind of ['conf', 'acl', 'passwd']) {
  const expectations = await catalogue(kind);
  describe(`files of the kind ${kind}`, {concurrency: 4}, () => {
    let place: ConfigurationPlace;
    before(async () => {
      place = await openConfigurationPlace();
    });
    after(() => place[Symbol.asyncDispose]());

    const configuration = async (name: string) => {
      const path = await place.copy(join(kind, name));
      const text = configurations[kind]?.(path);
      return text === undefined ? path : await place.write(`${basename(path)}.conf`, text);
    };
    for (const [name, expected] of Object.entries(expectations)) {
      it(`tmq broker ${expected.tmq} ${title(name, expected)}`, async () => {
        const path = await configuration(name);
        assertOutcome(await runMain(['broker', '--test-config', '-c', path]), expected);
      });
      it(`mosquitto ${expected.mosquitto} ${name}`, {skip: !mayUnshare}, async () => {
        assert.equal(await mosquittoOutcome(await configuration(name)), expected.mosquitto);
      });
    }
    it('every file has its expectation', async () => {
      const files = (await readdir(join(fixtures, kind))).filter((name) => !name.endsWith('.json'));
      assert.deepEqual(files.sort(), Object.keys(expectations).sort());
    });
  });
}

const options = await catalogue('options');

describe('options files', {concurrency: 4}, () => {
  let place: ConfigurationPlace;
  let port: number;
  const broker = startTmq(['broker', '-p', '0', '--ready', 'json', '--quiet'], {
    timeoutMilliseconds: 120_000,
  });
  before(async () => {
    place = await openConfigurationPlace();
    const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    port = JSON.parse(line).listeners[0].port;
  });
  after(async () => {
    await broker.stop();
    await place[Symbol.asyncDispose]();
  });

  /** A home whose options file for mosquitto_pub is this one, which tmq reads too. */
  const home = async (name: string) => {
    const path = await place.copy(join('options', name), {port: String(port)});
    const directory = `${path}-home`;
    await mkdir(directory);
    await copyFile(path, join(directory, 'mosquitto_pub'));
    return {env: {XDG_CONFIG_HOME: directory}, timeoutMilliseconds: 10_000};
  };
  for (const [name, expected] of Object.entries(options)) {
    it(`tmq pub ${expected.tmq} ${title(name, expected)}`, async () => {
      assertOutcome(await runTmq(['pub', '-m', 'x'], await home(name)), expected);
    });
    it(`mosquitto_pub ${expected.mosquitto} with ${name}`, async () => {
      const {exitCode} = await run('mosquitto_pub', ['-m', 'x'], await home(name));
      assert.equal(exitCode === 0 ? 'starts' : 'refuses', expected.mosquitto);
    });
  }
});
