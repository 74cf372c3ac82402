/**
 * `npm start`: the main job, shown by doing it. Every command printed here is run as a process of its
 * own, and checked; the tour ends with 0 only if each did what it should, and leaves nothing behind.
 */

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const program = join(import.meta.dirname, '..', 'tmq.js');
const directory = mkdtempSync(join(tmpdir(), 'tmq-tour-'));
/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
const bold =
  process.stdout.isTTY && !process.env.NO_COLOR
    ? (/** @type {string} */ text) => `\u001b[1m${text}\u001b[22m`
    : String;

/** @param {string} text */
const say = (text) => console.log(`\n# ${text}`);
/** @param {string} command */
const typed = (command) => console.log(bold(`$ ${command}`));
/** @param {string} text */
const show = (text) => process.stdout.write(text === '' || text.endsWith('\n') ? text : `${text}\n`);

/**
 * Starts what was typed; `tmq` is this clone's.
 * @param {string} command
 */
function start(command) {
  const child = spawn('/bin/sh', ['-c', `exec 2>&1; tmq() { "$NODE" "$TMQ" "$@"; }; ${command}`], {
    cwd: directory,
    env: {
      ...process.env,
      NODE: process.execPath,
      TMQ: program,
      XDG_CONFIG_HOME: directory,
      XDG_CACHE_HOME: directory,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, so that one signal stops a whole pipeline.
    detached: true,
  });
  running.add(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const finished = once(child, 'close').then(([status]) => {
    running.delete(child);
    return {output, status: Number(status)};
  });
  return {
    finished,
    /** @param {NodeJS.Signals} signal */
    stop(signal) {
      if (child.pid !== undefined && running.has(child)) process.kill(-child.pid, signal);
      return finished;
    },
    /** @param {RegExp} pattern */
    async saw(pattern) {
      while (!pattern.test(output)) {
        const ended = await Promise.race([
          once(child.stdout, 'data').then(() => false),
          finished.then(() => true),
        ]);
        if (ended && !pattern.test(output))
          throw new Error(`"${command}" ended before it printed ${pattern}:\n${output}`);
      }
    },
  };
}

/**
 * Runs what was typed to its end, shows its output, and checks both.
 * @param {string} command @param {{status?: number, prints?: RegExp}} expected
 */
async function run(command, {status = 0, prints = /^/} = {}) {
  typed(command);
  const result = await start(command).finished;
  show(result.output);
  if (result.status !== 0) console.log(`(exit status ${result.status})`);
  if (result.status !== status) throw new Error(`"${command}" ended with ${result.status}, not ${status}.`);
  if (!prints.test(result.output)) throw new Error(`"${command}" did not print ${prints}.`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port.');
  return address.port;
}

async function tour() {
  const port = await freePort();
  const login = `-p ${port} -u rajan -P password123`;

  say('A password file for the broker: one user by command, others from plain text.');
  await run('tmq passwd -b -c auth.txt rajan password123', {prints: /Adding password for user rajan/});
  writeFileSync(join(directory, 'plain.txt'), 'alice:wonderland\nbob:builder\n', {mode: 0o600});
  await run('cat plain.txt');
  await run('tmq passwd -U plain.txt');
  await run('cat plain.txt auth.txt', {prints: /^alice:\$6\$\S+\nbob:\$6\$\S+\nrajan:\$6\$\S+\n$/});

  say('A broker that requires a password.');
  writeFileSync(
    join(directory, 'mosquitto.conf'),
    `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file auth.txt\n`,
  );
  await run('cat mosquitto.conf');
  typed('tmq broker -c mosquitto.conf &');
  const broker = start('exec "$NODE" "$TMQ" broker -v -c mosquitto.conf');
  await broker.saw(new RegExp(String(port)));

  say('One terminal subscribes, another publishes.');
  typed(`tmq sub -t greetings ${login} -v &`);
  const subscriber = start(`exec "$NODE" "$TMQ" sub -t greetings ${login} -v`);
  await broker.saw(/SUBACK|greetings/);
  await run(`tmq pub -t greetings ${login} -r -d -m "Hello"`, {
    prints: /sending PUBLISH .*'greetings'.*5 bytes/,
  });
  await subscriber.saw(/^greetings Hello\n/);
  const received = await subscriber.stop('SIGINT');
  console.log('# … and the subscriber printed:');
  show(received.output);
  if (received.status !== 0) throw new Error(`The subscriber ended with ${received.status}.`);

  say('Who comes late gets the retained message.');
  await run(`tmq sub -t greetings ${login} -v -C 1 -W 10`, {prints: /^greetings Hello\n$/});

  say('A wrong password is refused, and the exit status shows it.');
  await run(`tmq sub -t greetings -p ${port} -u rajan -P wrong -W 10`, {
    status: 5,
    prints: /not authori[sz]ed/i,
  });

  say('A thousand lines at QoS 1, every one counted.');
  typed(`tmq sub -t numbers ${login} -q 1 -C 1000 -W 20 | wc -l &`);
  const counter = start(`tmq sub -t numbers ${login} -q 1 -C 1000 -W 20 | wc -l`);
  await broker.saw(/numbers/);
  await run(`seq 1 1000 | tmq pub -l -q 1 -t numbers ${login}`);
  const counted = await counter.finished;
  show(counted.output);
  if (counted.output.trim() !== '1000') throw new Error('Not all of the thousand lines arrived.');

  say('The broker ends on a signal.');
  const ended = await broker.stop('SIGTERM');
  if (ended.status !== 0) throw new Error(`The broker ended with ${ended.status}:\n${ended.output}`);
  if (!readFileSync(join(directory, 'auth.txt'), 'utf8').startsWith('rajan:$6$'))
    throw new Error('auth.txt is damaged.');
  console.log('All of this worked. More: README.md, `npx tmq help`, `man ./man/tmq.1`.');
}

const deadline = setTimeout(() => {
  console.error('The tour took longer than 30 seconds.');
  stopAll();
  process.exitCode = 1;
}, 30_000);

function stopAll() {
  for (const child of running) {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It had just ended by itself.
    }
  }
}

process.once('SIGINT', stopAll);
try {
  await tour();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  clearTimeout(deadline);
  stopAll();
  rmSync(directory, {recursive: true, force: true});
}
