// needs: mosquitto_pub
/** Words to values: the rules of mosquitto's command line, and the tables of pub, sub and rr. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {type AnyCommand, defineCommand} from '../../../src/cli/command.ts';
import {
  decimal,
  integer,
  list,
  type OptionTable,
  optionGroups,
  spelling,
  text,
} from '../../../src/cli/option.ts';
import {type OptionsLine, parse} from '../../../src/cli/parse.ts';
import {editDistance, suggest} from '../../../src/cli/suggest.ts';
import {commands} from '../../../src/commands/all.ts';
import {passwd} from '../../../src/commands/passwd/passwd.ts';
import {pub} from '../../../src/commands/pub/pub.ts';
import {rr} from '../../../src/commands/rr/rr.ts';
import {sub} from '../../../src/commands/sub/sub.ts';
import {defined} from '../../../src/defined.ts';
import {TmqError, UsageError} from '../../../src/errors.ts';
import {run} from '../../support/spawn.ts';

const clients: readonly AnyCommand[] = [pub, sub, rr];

/** A command with one option of each kind, with operands or without. */
function sample(operands?: AnyCommand['operands']) {
  return defineCommand({
    name: 'sample',
    summary: 'sample',
    synopsis: ['[options]'],
    description: [],
    mostUsed: [],
    examples: {},
    ...defined({operands}),
    options: {
      switch: {flags: '-s, --switch', group: 'General', summary: 'a switch'},
      noSwitch: {flags: '--no-switch', group: 'General', summary: 'not its negation'},
      value: {flags: '-v, --value <word>', group: 'General', summary: 'a value', parse: text},
      list: {flags: '-l <item>', group: 'General', summary: 'a list', parse: list},
      number: {
        flags: '--number <number>',
        group: 'General',
        summary: 'a number',
        parse: integer({minimum: 1, maximum: 9, problem: (given) => `Invalid number given: ${given}`}),
      },
      both: {
        flags: '-b <value>',
        group: 'General',
        summary: 'sets others',
        assign: (given: string) => ({value: given, list: [given]}),
      },
      many: {
        flags: '-m <kind> <value>',
        group: 'General',
        summary: 'several words',
        missing: 'Not enough.',
        words: (following: readonly string[]) => (following[0] === 'three' ? 3 : 2),
        parse: (given: string, previous: readonly string[] | undefined) => [...(previous ?? []), given],
      },
      optional: {
        flags: '--optional <form>',
        group: 'General',
        summary: 'a value or none',
        words: ([next]: readonly string[]) => (next === 'json' ? 1 : 0),
        parse: (given: string) => given,
      },
      secret: {
        flags: '-P, --pw <password>',
        group: 'General',
        summary: 'a secret',
        secret: true,
        parse: text,
      },
    },
    plan: (values) => values,
    run: async () => 0,
  });
}

const values = (...words: readonly string[]) => parse(sample(), words).values;
const withOperands = (...words: readonly string[]) => parse(sample('passwordFile'), words);

function refuses(words: readonly string[], message: string | RegExp, command: AnyCommand = sample()): void {
  assert.throws(() => parse(command, words), {name: 'UsageError', message}, words.join(' '));
}

test('takes the next word as the value, whatever it is', () => {
  for (const word of ['', '-s', '--', '--help', '-x', '=', 'a=b', 'a\nb', '-', '--value', '∞']) {
    assert.deepEqual(values('-v', word), {value: word});
    assert.deepEqual(values('--value', word, '-s'), {value: word, switch: true});
  }
});

test('keeps switches, values and lists apart', () => {
  assert.deepEqual(values(), {});
  assert.deepEqual(values('--no-switch', '-s', '-s'), {noSwitch: true, switch: true});
  assert.deepEqual(values('-l', 'a', '-v', 'x', '-l', 'b', '--value', 'y'), {list: ['a', 'b'], value: 'y'});
});

test('sets other options where it stands', () => {
  assert.deepEqual(values('-v', 'x', '-b', 'y'), {value: 'y', both: true, list: ['y']});
  assert.deepEqual(values('-b', 'y', '-v', 'x', '-l', 'z'), {value: 'x', both: true, list: ['y', 'z']});
});

test('takes as many words as the option declares', () => {
  assert.deepEqual(values('-m', 'two', '-s', '-m', 'three', '', '--help').many, [
    'two\0-s',
    'three\0\0--help',
  ]);
  refuses(['-m', 'three', 'a'], 'Not enough.');
  refuses(['-m'], 'Not enough.');
});

test('refuses what mosquitto refuses', () => {
  refuses(['word'], /^Unknown option 'word'\./);
  refuses(['--'], "Unknown option '--'.");
  refuses(['-'], "Unknown option '-'.");
  refuses(['--switch=1'], "Option '--switch' takes no value.");
  refuses(['--valeu', 'x'], "Unknown option '--valeu'. Did you mean '--value'?");
  refuses(['-value', 'x'], "Unknown option '-value'. Did you mean '--value'?");
  refuses(['-value=x'], "Unknown option '-value=x'. Did you mean '--value'?");
  refuses(['-sz'], "Unknown option '-sz'.");
  refuses(['-sv'], '-v argument given but no word specified.');
  refuses(['-smtwo'], 'Not enough.');
  refuses(['-v'], '-v argument given but no word specified.');
  refuses(['--number'], '--number argument given but no number specified.');
  refuses(['--number', '1x'], 'Invalid number given: 1x');
});

test('shows no secret in the error about a misspelt option', () => {
  refuses(['--pww=hunter2'], "Unknown option '--pww=…'. Did you mean '--pw'?");
  refuses(['-pw=hunter2'], "Unknown option '-pw=…'. Did you mean '-P'?");
});

test('takes values that are attached, and short options that are joined', () => {
  assert.deepEqual(values('--number=1', '--value=a=b', '-lx', '-l=y', '-Phunter2'), {
    number: 1,
    value: 'a=b',
    list: ['x', '=y'],
    secret: 'hunter2',
  });
  assert.deepEqual(values('--value=', '-sv', '-s', '-sl-s'), {value: '-s', switch: true, list: ['-s']});
  assert.deepEqual(values('-mtwo', 'a', '-mthree', 'b', '-s', '-sm', 'two', '--help'), {
    many: ['two\0a', 'three\0b\0-s', 'two\0--help'],
    switch: true,
  });
  assert.deepEqual(values('--optional', '--optional=', '-s', '--optional', 'json').optional, 'json');
  assert.equal(parse(sample(), ['-sl', '--help', '--help', '-q']).request, 'help');
});

test('reports the leftmost error, and stops at --help and --version', () => {
  refuses(['--number', 'x', '-q'], 'Invalid number given: x');
  refuses(['--number', 'x', '--help'], 'Invalid number given: x');
  refuses(['-q', '--help'], /^Unknown option '-q'/);
  assert.equal(parse(sample(), ['-s', '--help', '-q']).request, 'help');
  assert.equal(parse(sample(), ['--version', '--help']).request, 'version');
});

test('takes -- and operands where the command has them', () => {
  assert.deepEqual(withOperands('--value=a=b', '--value=', '--number=3').values, {value: '', number: 3});
  assert.deepEqual(withOperands('--optional', '-s', '--optional').values, {optional: '', switch: true});
  assert.deepEqual(withOperands('--optional', 'json', 'text').values, {optional: 'json'});
  assert.deepEqual(withOperands('--optional=json', '--optional=text', '-s').values, {
    optional: 'text',
    switch: true,
  });
  assert.deepEqual(withOperands('-', 'file', '-s', '-x', '--', '--help').operands, [
    '-',
    'file',
    '-x',
    '--help',
  ]);
  assert.deepEqual(withOperands('file', '-s').values, {switch: true});
  // Behind a password file, a word that only begins like an option may be a password.
  assert.deepEqual(withOperands('-sv', 'a', 'file', '-sv', '-Px', '-value', '--value=b'), {
    values: {switch: true, value: 'b'},
    operands: ['file', '-sv', '-Px', '-value'],
  });
  assert.deepEqual(parse(sample('bench'), ['conn', '-sv', 'a']), {
    values: {switch: true, value: 'a'},
    operands: ['conn'],
  });
  assert.throws(() => parse(sample('bench'), ['conn', '--valeu']), {message: /^Unknown option '--valeu'\./});
  assert.throws(() => withOperands('--switch=yes'), {message: "Option '--switch' takes no value."});
  assert.throws(() => withOperands('-x', 'file'), {message: "Unknown option '-x'."});
  assert.equal(withOperands('file', '--help').request, 'help');
});

test('applies the lines of a file first, and names the line of an error', () => {
  const line = (number: number, ...words: readonly string[]): OptionsLine => ({words, where: `f:${number}`});
  const read = (lines: readonly OptionsLine[], words: readonly string[]) =>
    parse(sample(), words, () => lines);
  assert.deepEqual(read([line(1, '-l', 'a'), line(2, '-v', 'x')], ['-l', 'b', '-v', 'y']).values, {
    list: ['a', 'b'],
    value: 'y',
  });
  const fails = (lines: readonly OptionsLine[], words: readonly string[], message: RegExp) =>
    assert.throws(() => read(lines, words), {name: 'UsageError', message});
  fails([line(7, '-q')], [], /^f:7: Unknown option '-q'\.$/);
  fails([line(7, '--number', 'x')], ['-q'], /^f:7: Invalid number given: x$/);
  fails([line(7, '-v')], ['-s'], /^f:7: -v argument given/);
  fails([line(7, '-s')], ['--number', 'x'], /^Invalid number given: x$/);
  assert.equal(read([line(1, '--help'), line(2, '-q')], []).request, 'help');
});

test('asks for the file named by -o, and for none when help is wanted', () => {
  const asked: (string | undefined)[] = [];
  const ask = (...words: readonly string[]) =>
    parse(pub, words, ({optionsFile: given}) => {
      asked.push(given);
      return [];
    });
  ask('-t', 'a');
  ask('-m', '-o', '-t', 'x');
  ask('-o', 'file');
  ask('-o', 'file', '--help');
  assert.deepEqual(asked, [undefined, undefined, 'file']);
  assert.throws(() => ask('-o', 'a', '-o', 'b'), {message: 'Duplicate -o argument given.'});
});

test('reads numbers strictly', () => {
  const problem = (given: string) => `no: ${given}`;
  const whole = integer({minimum: -5, problem});
  const real = decimal({minimum: 0, maximum: 10, problem});
  for (const given of ['0', '-5', '+7', '007', '123456789']) assert.equal(whole(given), Number(given));
  for (const given of ['', ' 1', '1 ', '1x', '1.0', '0x1', '-6', '1e3', '٣']) {
    assert.throws(() => whole(given), {message: `no: ${given}`});
  }
  for (const given of ['0', '10', '.5', '5.', '1.25']) assert.equal(real(given), Number(given));
  for (const given of ['', '.', '10.1', '-1', '1e1', 'NaN', 'Infinity', '1,5']) {
    assert.throws(() => real(given), UsageError);
  }
});

test('suggests what is near, and nothing else', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('ab', 'ba'), 1);
  assert.equal(suggest('--tpoic', ['--quiet', '--topic']), '--topic');
  assert.equal(suggest('--xyzzy', ['--quiet', '--topic']), undefined);
});

test('the tables are in order', async () => {
  for (const {load} of commands) {
    const {name, options}: {name: string; options: OptionTable} = await load();
    const seen = new Set<string>();
    for (const [key, option] of Object.entries(options)) {
      const where = `${name}: ${key}`;
      const {short, long, placeholders} = spelling(option);
      assert.ok(short !== undefined || long !== undefined, where);
      for (const flag of [short, long].filter((each) => each !== undefined)) {
        assert.match(flag, /^(-[A-Za-z0]|--[a-z][a-z0-9-]*[a-z0-9])$/, where);
        assert.ok(!seen.has(flag), `${where} repeats ${flag}`);
        seen.add(flag);
      }
      const takesValue = option.parse !== undefined || option.assign !== undefined;
      if (option.parse !== undefined) assert.ok(placeholders.length > 0, `${where} has no placeholder`);
      if (placeholders.length > 0) assert.ok(takesValue, `${where} has a placeholder and no use for a value`);
      assert.ok(optionGroups.includes(option.group), where);
      assert.match(option.summary, /^\S.*\S$/, where);
      assert.ok(option.summary.length <= 100, `${where}: the summary is too long`);
      if (option.details !== undefined) assert.match(option.details, /\.$/, where);
    }
  }
});

/** Values that some option or other takes. */
const pool = [
  ...['0', '1', '2', '5', '60', '1883', '50.5', '-1', 'a', 'a/b', '/x', '', 'aabb', 'ccdd', '∞'],
  ...['mqttv5', 'mqttv31', 'tlsv1.2', 'TLSv1.3', 'pem', 'engine', 'auto', 'never', 'always', 'new'],
  ...['random', 'follow', '5x', '1s..30s', 'SCRAM-SHA-256', '50m', 'Name: value', 'eu-west-1'],
  ...['s#a#b#', 'skip', '{1}', '{.id}/x', '\\t', 'u32be', '3', 'drop', 'spool:x', 'text'],
  ...['.a == 1', 'topic ~ "^a/"'],
  ...['socks5h://h', 'http://h:1', 'mqtt://u:p@h/t', 'ws://h:9/t', '%t', '%j', '-', '--help'],
];
/** The second of these is an error, not the winner. */
const onlyOnce = new Set(['message', 'file', 'optionsFile']);

test('the last of a scalar wins, and lists keep all', () => {
  for (const command of clients) {
    const options: OptionTable = command.options;
    for (const [key, {parse: read, flags, words}] of Object.entries(options)) {
      if (read === undefined || words !== undefined || onlyOnce.has(key)) continue;
      const accepted = pool.filter((given) => {
        try {
          read(given, undefined);
          return true;
        } catch {
          return false;
        }
      });
      assert.ok(accepted.length > 0, `${command.name} ${flags} takes nothing`);
      const {short, long} = spelling({flags});
      const names = [short, long].filter((name) => name !== undefined);
      const given = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...accepted));
      fc.assert(
        fc.property(fc.array(given, {minLength: 1, maxLength: 5}), (pairs) => {
          const result = parse(command, pairs.flat()).values[key];
          const parsed = pairs.map(([, value]) => read(value, undefined));
          assert.deepEqual(result, Array.isArray(parsed[0]) ? parsed.flat() : parsed.at(-1), flags);
        }),
        {numRuns: 20},
      );
    }
  }
});

test('what an option sets for others, the table has', () => {
  for (const command of clients) {
    const options: OptionTable = command.options;
    for (const {assign, flags} of Object.values(options)) {
      if (assign === undefined) continue;
      const assigned = pool.flatMap((given) => {
        try {
          return Object.keys(assign(given));
        } catch {
          return [];
        }
      });
      assert.ok(assigned.length > 0, `${command.name} ${flags} sets nothing`);
      for (const key of assigned) assert.ok(Object.hasOwn(options, key), `${command.name} ${flags}: ${key}`);
    }
  }
});

test('no command line fails but with an error a user can read', () => {
  const flags = clients.flatMap(({options}) =>
    Object.values(options as OptionTable).flatMap((option) => {
      const {short, long} = spelling(option);
      return [short, long].filter((name) => name !== undefined);
    }),
  );
  const word = fc.oneof(
    {weight: 4, arbitrary: fc.constantFrom(...new Set(flags))},
    {
      weight: 3,
      arbitrary: fc.constantFrom(...pool, 'publish', 'connect', 'will', 'user-property', 'content-type'),
    },
    {weight: 1, arbitrary: fc.string({unit: 'binary'})},
  );
  const line = fc.tuple(fc.constantFrom(...clients), fc.array(word, {maxLength: 12}));
  fc.assert(
    fc.property(line, ([command, words]) => {
      try {
        const parsed = parse(command, words);
        command.plan(parsed.values, parsed.operands);
      } catch (error) {
        // An engine is what a plan refuses without it being a matter of words.
        assert.ok(error instanceof UsageError || error instanceof TmqError, String(error));
        assert.match(error.message, /^\S/);
      }
    }),
    {numRuns: 3000},
  );
});

test('the examples are understood', async () => {
  for (const {load} of commands) {
    const command = await load();
    for (const example of Object.keys(command.examples)) {
      const words = shellWords(example);
      const start = words.indexOf('tmq');
      assert.equal(words[start + 1], command.name, example);
      const end = words.slice(start).findIndex((word) => ['|', '<', '>', '&', '&&', ';'].includes(word));
      const mine = words.slice(start + 2, end === -1 ? undefined : start + end);
      const {values: given, operands} = parse(command, mine);
      command.plan(given, operands);
    }
  }
});

/** The words of a simple shell command; operators are words of their own. */
function shellWords(line: string): readonly string[] {
  const pattern = /'([^']*)'|"([^"]*)"|([^\s'"]+)/g;
  return [...line.matchAll(pattern)].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
}

test("every option of mosquitto's clients is there", async () => {
  for (const command of [...clients, passwd]) {
    const {stdout} = await run(`mosquitto_${command.name}`, ['--help']);
    const [usage = '', ...explanations] = stdout.toString().split(/^ (?=-)/m);
    const explained = explanations.flatMap((each) => /^-[-\w]+/.exec(each)?.[0] ?? []);
    const used = [...usage.matchAll(/[[{| ](--?[A-Za-z][-\w]*)/g)].map(([, flag]) => flag!);
    assert.ok(
      explained.length > (command === passwd ? 4 : 40),
      `the help of mosquitto_${command.name} was not understood`,
    );
    const flags = Object.values({...(command.options as OptionTable)}).flatMap((option) => {
      const {short, long} = spelling(option);
      return [short, long];
    });
    for (const flag of [...explained, ...used]) {
      assert.ok(flags.includes(flag) || flag === '--help', `mosquitto_${command.name} ${flag}`);
    }
  }
});

test("misses a value in the words of mosquitto's clients", async () => {
  for (const command of clients) {
    for (const option of Object.values(command.options as OptionTable)) {
      const {short, long, placeholders} = spelling(option);
      for (const flag of placeholders.length === 0
        ? []
        : [short, long].filter((name) => name !== undefined)) {
        const real = (await run(`mosquitto_${command.name}`, [flag])).stderr.split('\n', 1)[0]!;
        // Options of ours, and of later versions than the one at hand.
        if (/^Error: Unknown option/.test(real)) continue;
        // We may add what to do about it.
        const sentence = real.slice('Error: '.length);
        assert.throws(
          () => parse(command, [flag]),
          (error) => error instanceof UsageError && error.message.startsWith(sentence),
        );
      }
    }
  }
});

test("has the messages of mosquitto's clients", async () => {
  const same: readonly (readonly string[])[] = [
    ['-t'],
    ['--topic'],
    ['-V'],
    ['-D'],
    ['-D', 'publish', 'user-property', 'a'],
    ['-M'],
    ['--unix'],
    ['-x'],
    ['--will-qos', '5'],
    ['-q', '3'],
    ['-p', '65536'],
    ['-k'],
    ['-i', 'a', '-I', 'b', '-t', 'a', '-m', 'b'],
    ['-t', 'a/#'],
    ['--will-topic', 'a/+'],
    ['-t', 'a', '-m', 'b', '--will-payload', 'c'],
    ['-t', 'a', '-m', 'b', '--will-retain'],
    ['-t', 'a', '-m', 'b', '--cert', 'c'],
    ['-t', 'a', '-m', 'b', '--keyform', 'pem'],
    ['-t', 'a', '-m', 'b', '--psk', 'aa'],
    ['-t', 'a', '-m', 'b', '--psk', 'aa', '--cafile', 'c'],
    ['-t', 'a', '-m', 'b', '-c'],
    ['-t', 'a', '-m', 'b', '-V', '5', '-c'],
    ['-m', 'a', '-n'],
    ['-D', 'connect', 'content-type', 'a'],
    ['-D', 'publish', 'topic-alias', '65536'],
    ['--will-qos'],
    ['--psk-identity'],
    ['--ciphers'],
  ];
  for (const words of same) {
    const real = (await run('mosquitto_pub', words)).stderr.split('\n', 1)[0]!;
    assert.match(real, /^Error: /, words.join(' '));
    let ours = '';
    try {
      const parsed = parse(pub, words);
      pub.plan(parsed.values, parsed.operands);
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
      ours = `Error: ${error.message}`;
    }
    // We may add what to do about it.
    assert.equal(ours.slice(0, real.length), real);
  }
});
