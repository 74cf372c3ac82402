// needs: jq
/** Every example of the manual pages does what it says, as it is printed. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {parseOptionsFile} from '../../src/cli/options-file.ts';
import {parse} from '../../src/cli/parse.ts';
import {commands} from '../../src/commands/all.ts';
import {testingFiles} from '../../src/commands/manual/testing-page.ts';
import {sub} from '../../src/commands/sub/sub.ts';
import {openPlayground, type Playground} from '../support/playground.ts';
import {type Request, startResponder} from '../support/responder.ts';

type Drive = (ground: Playground, command: string) => Promise<void>;

/** Runs a command that publishes, and compares what a subscriber sees. */
const publishes =
  (expected: string): Drive =>
  async (ground, command) => {
    const count = expected.split('\n').length;
    const watcher = ground.start(`tmq sub -V 5 -q 1 -R -t '#' -C ${count} -F '%t %q %r %p %C %P'`);
    await ground.traced(/SUBACK/);
    const {exitCode, stderr} = await ground.run(command);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.equal((await watcher.finished).stdout.toString(), `${expected}\n`);
  };

/** Runs a command that subscribes, publishes for it, and stops it at what it should print. */
const prints =
  (messages: readonly string[], output: RegExp, status: number | 'SIGINT' = 'SIGINT'): Drive =>
  async (ground, command) => {
    const subscriber = ground.start(command);
    await ground.traced(/SUBACK/);
    for (const words of messages) assert.equal((await ground.run(`tmq pub ${words}`)).exitCode, 0);
    await subscriber.waitFor('stdout', output);
    const {exitCode} =
      status === 'SIGINT' ? await ground.signal(subscriber, 'SIGINT') : await subscriber.finished;
    assert.equal(exitCode, status === 'SIGINT' ? 0 : status);
  };

/** Runs a pipeline that publishes copies of three messages of a/x. */
const copies =
  (topic: string): Drive =>
  async (ground, command) => {
    const watcher = ground.start(`tmq sub -t ${topic} -C 3 -F '%t %p'`);
    await ground.traced(/SUBACK/);
    const pipeline = ground.start(command);
    await ground.traced(/SUBACK/);
    await ground.run("printf '%s\\n' a b c | tmq pub -t a/x -q 1 -l");
    assert.equal((await watcher.finished).stdout.toString(), `${topic} a\n${topic} b\n${topic} c\n`);
    assert.equal((await pipeline.finished).exitCode, 0);
  };

/** Runs a worker with a job that prints what it gets. */
const runsJobs = (): Drive => async (ground, command) => {
  await writeFile(join(ground.directory, 'job.sh'), '#!/bin/sh\necho "$MQTT_TOPIC: $(cat)"\n', {mode: 0o755});
  await prints(['-t jobs/a -q 1 -m x'], /^jobs\/a: x\n$/)(ground, command);
};

const answers =
  (topic: string, words: string, shown = 'answer\n'): Drive =>
  async (ground, command) => {
    const asking = ground.start(command);
    await ground.traced(new RegExp(`PUBLISH.*${topic}`));
    await ground.run(`tmq pub ${words}`);
    const {exitCode, stdout} = await asking.finished;
    assert.deepEqual([exitCode, stdout.toString()], [0, shown]);
  };

/** Runs a command that asks so many clients, each of which answers with the payload and what is appended. */
const asks =
  (topic: string, suffixes: readonly string[], shown: RegExp): Drive =>
  async (ground, command) => {
    const starting = suffixes.map((suffix) => {
      const respond = ({text, answer}: Request) => answer(`${text}${suffix}`);
      return startResponder(ground.port, topic, respond, {clientId: `responder${suffix}`});
    });
    const responders = await Promise.all(starting);
    const {exitCode, stdout} = await ground.run(command);
    for (const responder of responders) await responder[Symbol.asyncDispose]();
    assert.equal(exitCode, 0);
    assert.match(stdout.toString(), shown);
  };

/** Runs a responder, and asks it once. */
const replies =
  (topic: string, words: string, shown: RegExp): Drive =>
  async (ground, command) => {
    await writeFile(join(ground.directory, 'sum.sh'), '#!/bin/sh\nread -r a b; echo $((a + b))\n', {
      mode: 0o755,
    });
    const responder = ground.start(command);
    // rr subscribes, too.
    await ground.traced(new RegExp(`SUBSCRIBE.*${topic}`));
    const {exitCode, stdout} = await ground.run(`tmq rr -W 10 -t ${topic} ${words}`);
    assert.equal(exitCode, 0);
    assert.match(stdout.toString(), shown);
    assert.equal((await ground.signal(responder, 'SIGINT')).exitCode, 0);
  };

/** Runs a command beside a file, and compares its status, its output and the users in the file. */
const keeps =
  (before: string, input: string, users: string, status = 0): Drive =>
  async (ground, command) => {
    const path = join(ground.directory, 'passwd');
    if (before !== '') await writeFile(path, before);
    await writeFile(join(ground.directory, 'users.txt'), 'carol:one\ndave:two\n');
    const {exitCode} = await ground.run(command, input);
    const after = await readFile(path, 'utf8');
    assert.deepEqual([exitCode, after.replace(/:.*$/gm, '')], [status, users]);
  };

/** What comes before a load: an options file it has not. */
const loading = ({port}: Playground) => `MQTT_URL=mqtt://127.0.0.1:${port}`;

/** Runs a load until the broker has such a packet, and ends it with Ctrl-C; the report says what was done. */
const loads =
  (packet: RegExp, shown: RegExp, file?: string): Drive =>
  async (ground, command) => {
    const running = ground.start(`${loading(ground)} ${command}`);
    await ground.traced(packet);
    const {stdout} = await ground.signal(running, 'SIGINT');
    const text =
      file === undefined ? stdout.toString() : await readFile(join(ground.directory, file), 'utf8');
    assert.match(text, shown);
  };

/** Runs a broker until it says that it is ready, and stops it. */
const serves =
  (ready: RegExp): Drive =>
  async (ground, command) => {
    const running = ground.start(command);
    await Promise.race([running.waitFor('stderr', ready), running.waitFor('stdout', ready)]);
    assert.equal((await ground.signal(running, 'SIGTERM')).exitCode, 0);
  };

const completes =
  (path: string): Drive =>
  async (ground, command) => {
    const file = join(ground.env.HOME!, path);
    await mkdir(join(file, '..'), {recursive: true});
    assert.equal((await ground.run(command)).exitCode, 0);
    assert.match(await readFile(file, 'utf8'), /tmq --completion/);
  };

const entry = `bob:$6$AAAAAAAAAAAAAAAA$${'A'.repeat(86)}==\n`;
const ten = Array.from({length: 10}, (_, index) => `-t sensors/${index}/temperature -m ${index}`);
const numbers = Array.from({length: 1000}, (_, index) => `numbers 1 0 ${index + 1}  `).join('\n');

const examples: Readonly<Record<string, Drive>> = {
  'tmq pub -t home/lamp -m on': publishes('home/lamp 0 0 on  '),
  'tmq pub -t home/lamp -q 1 -r -m on': publishes('home/lamp 1 0 on  '),
  'tmq pub -t home/lamp -r -n': publishes('home/lamp 0 0   '),
  'seq 1 1000 | tmq pub -t numbers -q 1 -l': publishes(numbers),
  "printf '%s\\n' kitchen=21.5 hall=19 | tmq pub --topic-from =": publishes(
    'kitchen 0 0 21.5  \nhall 0 0 19  ',
  ),
  "echo 't1 kitchen 21.5' | tmq pub --topic-template 'sensors/{2}/{1}'": publishes(
    'sensors/kitchen/t1 0 0 t1 kitchen 21.5  ',
  ),
  "tmq sub -t 'a/#' --json -C 3 | tmq pub --json --map 's#^a#b#'": copies('b/x'),
  "tmq sub -t 'a/#' -q 1 --json -C 3 | jq -c 'select(.qos > 0) | .topic = \"c\"' | tmq pub --json":
    copies('c'),
  "tmq sub -t 'files/#' -0 -C 2 | xargs -0 -n 1 echo": prints(
    ["-t files/a -m 'one file'", '-t files/b -m two'],
    /^one file\ntwo\n$/,
    0,
  ),
  'seq 1 1000 | tmq pub -t numbers -q 1 -l --on-outage spool:numbers.spool --summary text': async (
    ground,
    command,
  ) => {
    const {exitCode, stderr} = await ground.run(command);
    assert.equal(exitCode, 0);
    assert.match(stderr, /^1000 read, 1000 acknowledged, [\d.]+ s\n$/);
  },
  'tmq pub -t job -m go -D publish content-type text/plain -D publish user-property from me': publishes(
    'job 0 0 go text/plain from:me',
  ),
  'tmq sub -t home/lamp': prints(['-t home/lamp -m on'], /^on\n$/),
  "tmq sub -v -t 'home/#'": prints(['-t home/lamp -m on'], /^home\/lamp on\n$/),
  "tmq sub -t 'sensors/+/temperature' -F '%t %p' -C 10 -W 5": prints(
    ten,
    /^(sensors\/\d\/temperature \d\n){10}$/,
    0,
  ),
  "tmq sub -t '#' -F %j -C 3 | jq .topic": prints(
    ['-t a -m x', '-t b -n', '-t c -m 3'],
    /^"a"\n"b"\n"c"\n$/,
    0,
  ),
  "tmq sub -t 'old/#' --retained-only --remove-retained -W 5": async (ground, command) => {
    await ground.run('tmq pub -t old/a -r -m x');
    await prints(['-t old/b -m live'], /^x\n/, 0)(ground, command);
    assert.equal((await ground.run("tmq sub -t 'old/#' -W 1")).stdout.toString(), '');
  },
  'tmq sub -t reply -C 1 -W 5 --then -- tmq pub -t request -m now': answers('request', '-t reply -m answer'),
  'tmq sub -t log -C 1 --ready-fd 3 3>&1 >log.txt | { read -r ready; tmq pub -t log -m hello; }': async (
    ground,
    command,
  ) => {
    assert.equal((await ground.run(command)).exitCode, 0);
    assert.equal(await readFile(join(ground.directory, 'log.txt'), 'utf8'), 'hello\n');
    await ground.traced(/PUBLISH.*log/);
  },
  "tmq sub -t door/state --until '.open == true' -W 30": prints(
    [`-t door/state -m '{"open":false}'`, `-t door/state -m '{"open":true}'`],
    /^\{"open":false\}\n\{"open":true\}\n$/,
    0,
  ),
  "tmq sub -v -t 'sensors/#' --where '.temperature > 30 and topic ~ \"/cellar$\"'": prints(
    [
      `-t sensors/cellar -m '{"temperature":30}'`,
      `-t sensors/attic -m '{"temperature":31}'`,
      `-t sensors/cellar -m '{"temperature":31}'`,
    ],
    /^sensors\/cellar \{"temperature":31\}\n$/,
  ),
  "tmq sub -t 'log/#' --fail-if '.level == \"error\"' --idle 5": prints(
    [`-t log/a -m '{"level":"info"}'`, `-t log/b -m '{"level":"error"}'`],
    /^\{"level":"info"\}\n\{"level":"error"\}\n$/,
    50,
  ),
  "tmq sub -q 1 -t 'jobs/#' --exec -- ./job.sh": runsJobs(),
  "tmq sub -V 5 -q 1 -c -i worker-1 -t '$share/work/jobs/#' --on-failure retry:3 --exec --jobs 4 -- ./job.sh":
    runsJobs(),
  "tmq sub -h localhost,localhost:1884 -q 1 -c -i logger -t 'log/#'": prints(
    ['-t log/a -m x'],
    /^x\n/,
    'SIGINT',
  ),
  'tmq sub --retry-connect -E -W 30 -t x': async (ground, command) => {
    assert.equal((await ground.run(command)).exitCode, 0);
  },
  'tmq rr -t clock -n -W 5': asks('clock', ['noon'], /^noon\n$/),
  'seq 1 100 | tmq rr -t square -l -W 5': asks('square', ['²'], /^1²\n2²\n(\d+²\n){97}100²\n$/),
  'tmq rr -t whoami -n --idle 0.5 -W 5': asks('whoami', ['a', 'b'], /^([ab]\n){2}$/),
  'tmq rr -t whoami -n -C 3 -W 5': asks('whoami', ['a', 'b', 'c'], /^([abc]\n){3}$/),
  'tmq rr -t clock/request -e clock/response -n -W 5': answers(
    'clock/request',
    '-t clock/response -m answer',
  ),
  "tmq rr -t clock/request -e clock/response -m now -W 5 -F '%t %p'": answers(
    'clock/request',
    '-t clock/response -m answer',
    'clock/response answer\n',
  ),
  'tmq rr -t sum -e sum/me -m "1 2" -D publish correlation-data 42 -W 5': answers(
    'sum',
    '-t sum/me -m answer -D publish correlation-data 42',
  ),
  'tmq reply -t clock -N --exec -- date': replies('clock', '-n', /^.*:\d\d.*\n$/),
  'tmq reply -t ping --echo': replies('ping', '-m x', /^x\n$/),
  'tmq reply -t version -m 1.4.2': replies('version', '-n', /^1\.4\.2\n$/),
  "tmq reply -t '$share/calc/sum' -N --exec --jobs 4 -- ./sum.sh": replies('sum', "-m '1 2'", /^3\n$/),
  "tmq reply -i sum-1 -t '$share/calc/sum' -N --exec -- ./sum.sh": replies('sum', "-m '2 2'", /^4\n$/),
  "tmq reply -i sum-2 -t '$share/calc/sum' -N --exec -- ./sum.sh": replies('sum', "-m '3 2'", /^5\n$/),
  'tmq passwd -c passwd alice': keeps('', 'secret\n', 'alice\n'),
  'printf \'%s\\n\' "$SECRET" | tmq passwd passwd bob': keeps('# users\n', '', '# users\nbob\n'),
  'tmq passwd --import - passwd < users.txt': keeps(entry, '', 'bob\ncarol\ndave\n'),
  'tmq passwd --weak passwd': keeps(entry, '', 'bob\n', 1),
  'tmq passwd -D passwd bob': keeps(`# users\n${entry}`, '', '# users\n'),
  'tmq profile ls': async (ground, command) => {
    await ground.profile('prod', '-q 1\n');
    assert.equal((await ground.run(command)).stdout.toString(), 'prod\n');
  },
  'tmq profile show prod': async (ground, command) => {
    await ground.profile('prod', '-u ann\n-P secret\n');
    assert.equal((await ground.run(command)).stdout.toString(), '-u ann\n-P ***\n');
  },
  'tmq profile check prod': async (ground, command) => {
    await ground.profile('prod', `-p ${ground.port}\n`);
    assert.equal((await ground.run(command)).stdout.toString(), 'prod: ok\n');
  },
  'tmq bench conn -n 1000 --rate 500/s': async (ground, command) => {
    const {exitCode, stdout} = await ground.run(`${loading(ground)} ${command}`);
    assert.equal(exitCode, 0);
    assert.match(stdout.toString(), /^connected +1,000 of 1,000 in /);
  },
  "tmq bench pub -n 200 --rate 50/s --size 256 -t 'b/{i}' -q 1 --for 30s": loads(
    /PUBLISH.*b\/199/,
    /^connected +200 of 200 in /,
  ),
  "tmq bench e2e --pubs 10 --subs 10 --rate 100/s -q 1 --fail-if 'p99 > 20ms or lost > 0'": loads(
    /PUBLISH.*tmq-bench\/9/,
    /^lost +0$/m,
  ),
  "tmq bench sub -n 5 -t 'b/#' --for 40s --json > sub.json": loads(/SUBACK/, /"kind":"sub"/, 'sub.json'),
  'tmq bench pub -n 10 --first 10 --json > b.json': loads(/PUBLISH.*tmq-bench\/19/, /"kind":"pub"/, 'b.json'),
  'tmq bench merge a.json b.json sub.json': async (ground, command) => {
    const begin = `${loading(ground)} tmq bench`;
    await ground.run(`${begin} pub -n 2 --count 5 --json > a.json`);
    await ground.run(`${begin} pub -n 2 --count 5 --first 2 --json > b.json`);
    await ground.run(`${begin} sub --for 10ms --json > sub.json`);
    assert.match((await ground.run(command)).stdout.toString(), /^sent +20 in /m);
  },
  'tmq broker': serves(/mqtt:\/\/127\.0\.0\.1:\d+/),
  'tmq broker --exec -- tmq pub -t a -m hello': async (ground, command) => {
    // The options files there name another broker.
    assert.equal((await ground.run(`rm -r ~/.config; ${command}`)).exitCode, 0);
  },
  'tmq broker --exec -- ./test.sh': async (ground, command) => {
    await writeFile(join(ground.directory, 'test.sh'), '#!/bin/sh\necho "$MQTT_URL"\nexit 3\n', {
      mode: 0o755,
    });
    const {stdout, exitCode} = await ground.run(command);
    assert.match(stdout.toString(), /^mqtt:\/\/127\.0\.0\.1:\d+\n$/);
    assert.equal(exitCode, 3);
  },
  'tmq broker -p 0 --ready json --exit-with-stdin': async (ground, command) => {
    const running = ground.start(command);
    await running.waitFor('stdout', /"event":"ready".*"url":"mqtt:\/\/127\.0\.0\.1:\d+"/);
    running.child.stdin?.end();
    assert.equal((await running.finished).exitCode, 0);
  },
  'tmq broker -p 0 --tls auto --ws --trace': serves(/mqtt:.*ws:.*mqtts:.*wss:/),
  "tmq broker --fault 'drop puback p=0.1' --fault 'delay publish out 200ms' --seed 7": serves(/mqtt:/),
  "tmq broker --fault 'drop puback p=0.1' --seed 7 --trace": serves(/mqtt:/),
  'tmq broker --web': serves(/page, for this user only: http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/$/m),
  'tmq broker -c mosquitto.conf --test-config': async (ground, command) => {
    await writeFile(join(ground.directory, 'mosquitto.conf'), 'listener 1883\n');
    assert.equal((await ground.run(command)).exitCode, 0);
  },
  'tmq --completion bash >~/.local/share/bash-completion/completions/tmq': completes(
    '.local/share/bash-completion/completions/tmq',
  ),
  'tmq --completion zsh >~/.zfunc/_tmq': completes('.zfunc/_tmq'),
  'tmq --completion fish >~/.config/fish/completions/tmq.fish': completes(
    '.config/fish/completions/tmq.fish',
  ),
};

const pages = join(import.meta.dirname, '..', '..', 'man');

/** The lines between .EX and .EE of a page, as a reader sees them. */
function literalLines(page: string): readonly string[] {
  const text = readFileSync(join(pages, page), 'utf8');
  return [...text.matchAll(/^\.EX\n(.*?)^\.EE\n/gms)].flatMap(([, lines = '']) =>
    lines
      .replace(/\\\((aq|ga|ha|ti)/g, (_, name: 'aq') => ({aq: "'", ga: '`', ha: '^', ti: '~'})[name])
      .replace(/\\([-e])/g, (_, letter: string) => (letter === '-' ? '-' : '\\'))
      .replaceAll(' \\\n  ', ' ')
      .replaceAll(/^\\&(?=\.)/gm, '')
      .trimEnd()
      .split('\n'),
  );
}

/** The files of tmq-testing(7), which `test/languages/` runs, and the line for PowerShell. */
const runElsewhere = [
  ...Object.values(testingFiles).flatMap((text) => text.split('\n')),
  'tmq --completion powershell >> $PROFILE',
];

test('the examples in the pages are those that are run here', async () => {
  const programs = readdirSync(pages).filter((name) => /\.[17]$/.test(name));
  const lines = programs.flatMap(literalLines);
  for (const line of runElsewhere) assert.ok(lines.includes(line), line);
  const shown = new Set(lines.filter((line) => !runElsewhere.includes(line)));
  assert.deepEqual([...shown].sort(), Object.keys(examples).sort());
  for (const {load} of commands) {
    for (const command of Object.keys((await load()).examples)) assert.ok(command in examples, command);
  }
});

test('the options file in the pages is one', () => {
  const text = literalLines('tmq-formats.5').join('\n');
  const {values} = parse(sub, ['-t', 'a'], () => parseOptionsFile(text, 'sub'));
  const {endpoint, credentials} = sub.plan(values, []).client.connection;
  assert.deepEqual(
    [endpoint.transport !== 'unix' && endpoint.host, credentials],
    ['broker.example.com', {username: 'alice', password: {kind: 'file', path: '/etc/mqtt/password'}}],
  );
});

const needsBroker = (command: string) => !/^tmq (broker|--)|passwd/.test(command);

describe('with a broker', () => {
  let ground: Playground;
  before(async () => {
    ground = await openPlayground();
  });
  after(() => ground[Symbol.asyncDispose]());
  for (const [command, drive] of Object.entries(examples).filter(([text]) => needsBroker(text))) {
    test(command, () => drive(ground, command));
  }
});

describe('without one', () => {
  for (const [command, drive] of Object.entries(examples).filter(([text]) => !needsBroker(text))) {
    test(command, async () => {
      await using ground = await openPlayground({env: {SECRET: 'secret'}, withoutBroker: true});
      await drive(ground, command);
    });
  }
});
