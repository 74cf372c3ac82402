// needs: mandoc, man
/** The manual pages: complete, and clean in the eyes of mandoc. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {manualMarkdown} from '../../../bin/dev/man-markdown.mjs';
import type {AnyCommand} from '../../../src/cli/command.ts';
import {commandManual} from '../../../src/cli/manual.ts';
import {type OptionTable, spelling} from '../../../src/cli/option.ts';
import {form, line} from '../../../src/cli/roff.ts';
import {commands} from '../../../src/commands/all.ts';
import {publishDelivery, receiveDelivery} from '../../../src/commands/manual/delivery.ts';
import {formatSection} from '../../../src/commands/manual/format-section.ts';
import {formatSections} from '../../../src/commands/manual/formats-page.ts';
import {pub} from '../../../src/commands/pub/pub.ts';
import {sub} from '../../../src/commands/sub/sub.ts';
import {ExitCode, endingSignals, Interrupted} from '../../../src/errors.ts';
import {fieldTable} from '../../../src/format/fields.ts';
import {compileFormat} from '../../../src/format/format.ts';
import {runMain} from '../../support/run.ts';
import {run} from '../../support/spawn.ts';

/** What a reader sees, without bold and italics, on lines so long that nothing is folded. */
async function formatted(page: string): Promise<string> {
  const {stdout, stderr} = await run('mandoc', ['-T', 'utf8', '-O', 'width=1000'], {input: page});
  assert.equal(stderr, '');
  return stdout.toString().replace(/.\u0008/g, '');
}

/** Whitespace of any kind is one space, as formatters treat it. */
const flowing = (text: string) => text.replace(/\s+/g, ' ').trim();

async function pageOf(name?: string): Promise<string> {
  const {stdout, stderr, exitCode} = await runMain(['--manual', ...(name === undefined ? [] : [name])]);
  assert.deepEqual([stderr, exitCode], ['', 0]);
  return stdout.toString();
}

/** Every page: the file, and what --manual calls it. */
const pages: readonly (readonly [file: string, name: string | undefined])[] = [
  ['tmq.1', undefined],
  ...commands.map(({name}) => [`tmq-${name}.1`, name] as const),
  ['tmq-formats.5', 'formats'],
  ['tmq-testing.7', 'testing'],
];
const root = join(import.meta.dirname, '..', '..', '..');
const bareName = (file: string) => file.replace(/\.\d$/, '');

test('the committed pages are what the tables say; otherwise: npm run man', async () => {
  assert.deepEqual(
    readdirSync(join(root, 'man'))
      .filter((name) => /\.[157]$/.test(name))
      .sort(),
    pages.map(([file]) => file).sort(),
  );
  for (const [file, name] of pages) {
    const page = await pageOf(name);
    assert.equal(readFileSync(join(root, 'man', file), 'utf8'), page, file);
    const markdown = readFileSync(join(root, 'man', `${bareName(file)}.md`), 'utf8');
    assert.equal(
      markdown,
      manualMarkdown(
        page,
        pages.map(([each]) => bareName(each)),
      ),
      file,
    );
  }
  const {man} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {man: string[]};
  assert.deepEqual(man.sort(), pages.map(([file]) => `man/${file}`).sort());
});

test('the Markdown has the words of the page, and examples as they are typed', async () => {
  for (const [file] of pages) {
    const page = readFileSync(join(root, 'man', file), 'utf8');
    const markdown = readFileSync(join(root, 'man', `${bareName(file)}.md`), 'utf8');
    const seen = markdown
      .replace(/^```\n(.*?)^```$/gms, (_, lines: string) => lines.replace(/[\\*#[\]()]/g, ''))
      .replaceAll(/\]\([\w-]+\.md\)/g, '')
      .replaceAll(/\\([^\w\n])|[*#[\]\\]|^- /gm, '$1');
    const letters = (text: string) => text.replaceAll(/[^\w%@]/g, '').toLowerCase();
    const body = (await formatted(page)).split('\n').slice(1, -2).join('\n');
    assert.equal(letters(seen.split('\n').slice(1).join('\n')), letters(body), file);
  }
});

test('pub and sub say what each QoS promises, and the status that each signal leaves', () => {
  for (const {title, remarks = {}} of [publishDelivery, receiveDelivery]) {
    assert.equal(title, 'Delivery');
    for (const term of ['QoS 0', 'QoS 1', 'QoS 2', 'An acknowledgement']) assert.ok(term in remarks, term);
    for (const name of endingSignals.filter((each) => each !== 'SIGBREAK')) {
      const {exitCode} = new Interrupted(name);
      assert.ok(remarks.Signals?.includes(name) && remarks.Signals.includes(String(exitCode)), name);
    }
  }
  assert.deepEqual(
    [pub, sub].map(({sections}) => sections?.some(({title}) => title === 'Delivery')),
    [true, true],
  );
});

test('man shows them', async () => {
  for (const [file] of pages) {
    const {stdout, stderr, exitCode} = await run('man', [join(root, 'man', file)], {
      env: {LC_ALL: 'C.UTF-8'},
    });
    assert.deepEqual([stderr, exitCode], ['', 0]);
    assert.match(
      stdout.toString(),
      new RegExp(
        `^${file
          .replace(/\.(\d)$/, '($1)')
          .toUpperCase()
          .replace(/[()]/g, '\\$&')} .*\n\nNAME\n +tmq`,
      ),
    );
    // U+2010, which no page has of its own.
    assert.doesNotMatch(stdout.toString(), /\u2010/, `${file} has words that are broken`);
  }
});

test('mandoc finds nothing to complain of', async () => {
  for (const [file, name] of pages) {
    const {stdout, stderr, exitCode} = await run('mandoc', ['-T', 'lint'], {input: await pageOf(name)});
    assert.deepEqual([stdout.toString(), stderr, exitCode], ['', '', 0], file);
  }
});

test('a page of 80 columns has no longer line', async () => {
  for (const [file, name] of pages) {
    const words = ['-T', 'utf8', '-O', 'width=80'];
    const {stdout} = await run('mandoc', words, {input: await pageOf(name)});
    const lines = stdout.toString().replaceAll(/.\x08/g, '').split('\n');
    const long = lines.filter(({length}) => length > 80);
    assert.deepEqual(long, [], file);
  }
});

test('a page has every text of its command', async () => {
  for (const {name, load} of commands) {
    const command: AnyCommand = await load();
    const page = await pageOf(name);
    assert.equal(
      page,
      commandManual(
        command,
        commands.map((each) => each.name),
      ),
    );
    // Without the folds of long command lines.
    const text = flowing(await formatted(page)).replaceAll(' \\ ', ' ');
    assert.ok(text.includes(`NAME tmq-${name} - ${command.summary}`), name);
    const differences: readonly string[] = command.differences ?? [];
    for (const title of ['EXIT STATUS', 'ENVIRONMENT', 'FILES', 'DIFFERENCES FROM MOSQUITTO']) {
      assert.ok(text.includes(title), `${name}: ${title}`);
    }
    for (const prose of [...command.description, ...differences])
      assert.ok(text.includes(shown(prose)), prose);
    for (const typed of Object.keys(command.examples)) assert.ok(text.includes(shown(typed)), typed);
    for (const option of Object.values(command.options as OptionTable)) {
      const {short, long} = spelling(option);
      const heading = [short, long].filter((flag) => flag !== undefined).join(', ');
      assert.equal(text.includes(` ${heading} `), option.hidden !== true, `${name}: ${heading}`);
      if (option.hidden === true) continue;
      assert.ok(text.includes(shown(option.summary.slice(1))), `${name}: ${option.summary}`);
      if (option.details !== undefined) assert.ok(text.includes(shown(option.details)), option.details);
    }
  }
});

/** Text as mandoc's UTF-8 output has it. */
function shown(text: string): string {
  return flowing(text.replaceAll('…', '...'));
}

test('every exit status is in the pages of the clients', async () => {
  for (const name of [undefined, 'pub', 'sub', 'rr']) {
    const [, statuses = ''] = (await formatted(await pageOf(name))).split('EXIT STATUS');
    for (const status of new Set(Object.values(ExitCode))) {
      assert.match(statuses, new RegExp(`^ +${status} +\\S`, 'm'), `${name}: ${status}`);
    }
  }
});

test('the manual documents the language of -F letter by letter', () => {
  const terms = Object.keys(formatSection.remarks ?? {}).flatMap((term) => term.split(', '));
  const letters = terms.flatMap((term) => /^%(.)$/.exec(term)?.[1] ?? []);
  assert.deepEqual(letters.sort(), Object.keys(fieldTable).sort());
  const escapes: readonly string[] = formatSection.remarks?.['\\']?.match(/\\./g) ?? [];
  for (const code of Array.from({length: 128}, (_, index) => String.fromCharCode(index))) {
    const compile = () => compileFormat(`\\${code}`, {eol: false, pretty: false});
    if (escapes.includes(`\\${code}`)) assert.doesNotThrow(compile);
    else assert.throws(compile, {name: 'UsageError'});
  }
});

test('any text comes out of roff as it went in', async () => {
  const awkward = [
    '.SH no',
    "'br",
    '\\fB',
    '\\',
    '-',
    '--x',
    '"',
    "'",
    '`',
    '^',
    '~',
    '∞',
    '…',
    'a.',
    'B',
    '\\n',
  ];
  const text = fc.array(fc.constantFrom(...awkward, 'word', 'words'), {minLength: 1, maxLength: 30});
  const pages = fc.sample(text, 200).map((words) => words.join(' '));
  const body = pages.map((page) => `.PP\n${line(page)}`).join('\n');
  const output = await formatted(`.TH X 1 2026-01-01\n.SH NAME\nx \\- y\n.SH TEXT\n${body}\n`);
  const paragraphs = output
    .slice(output.indexOf('TEXT') + 4)
    .split('\n\n')
    .map(flowing);
  for (const page of pages)
    assert.ok(paragraphs.includes(shown(page)), `${page} in ${paragraphs.slice(0, 3)}`);
});

test('a form distinguishes what is typed from placeholders', () => {
  assert.equal(form('-q, --qos <level>'), '\\fB\\-q, \\-\\-qos\\fR \\fIlevel\\fR');
  assert.equal(form('(-f <file> | -n)'), '(\\fB\\-f\\fR \\fIfile\\fR | \\fB\\-n\\fR)');
});

test('an unknown command has no page', async () => {
  assert.match(
    (await runMain(['--manual', 'subb'])).stderr,
    /^Error: Unknown command 'subb'\. Did you mean 'sub'\?/,
  );
});

test('the keys of passwd in JSON are in the documented order', async () => {
  const {remarks = {}} = formatSections.find(({title}) => title === 'Password files as JSON')!;
  const directory = await mkdtemp(join(tmpdir(), 'tmq-manual-'));
  try {
    const file = join(directory, 'plain');
    await writeFile(file, 'alice:secret\n', {mode: 0o600});
    const {stdout} = await runMain(['passwd', '--weak', '--json', file]);
    assert.deepEqual(Object.keys(remarks), Object.keys(JSON.parse(stdout.toString()) as object));
  } finally {
    await rm(directory, {recursive: true});
  }
});
