/**
 * Commands to manual pages in man(7): the same tables that the parser reads, with the prose that --help
 * has no room for. Pure text; knows no formatter and no directory.
 */

import {exitStatuses} from '../errors.ts';
import type {AnyCommand, ManualSection, Remarks} from './command.ts';
import {commandLines, type HelpEntry, optionsByGroup} from './help.ts';
import type {Option, OptionTable} from './option.ts';
import {mosquittoFiles} from './options-file.ts';
import {bold, escaped, form, line, literal, paragraphs, section, subsection, tagged} from './roff.ts';

/** The day on which the pages were last looked over; a page has to have one. */
const reviewed = '2026-11-20';

export const clientEnvironment: Remarks = {
  TMQ_PROFILE: 'The profile, where --profile names none; not read under a mosquitto name.',
  XDG_CONFIG_HOME: 'The directory of options files and profiles.',
  APPDATA:
    'On Windows, if XDG_CONFIG_HOME is not set, the options file is in the directory tmq below this one.',
  HOME: 'If XDG_CONFIG_HOME is not set, the options file is in .config below this directory.',
  MQTT_URL:
    'The broker, as for -L, where neither the command line nor an options file names one with -h, -L or --unix. A topic in it counts where -t gives none. tmq broker --exec sets it. Programs started under a mosquitto name read neither it nor the three that follow.',
  'MQTT_USERNAME, MQTT_PASSWORD':
    'User name and password, for whatever broker, where neither options nor the URL give them. A password that only one broker may get belongs into MQTT_URL or a profile.',
  MQTT_CA_FILE:
    'A PEM file with certificates that TLS trusts, where --cafile, --capath and --psk are not given. It does not turn TLS on.',
  'HTTPS_PROXY, ALL_PROXY, NO_PROXY':
    'The default of --proxy: HTTPS_PROXY where TLS is used, ALL_PROXY everywhere; in lower case, too, which comes first. Without a scheme it is an HTTP proxy; socks5:// means socks5h://, so that the proxy looks names up. NO_PROXY names hosts to reach without it, separated by commas: a host, a domain for all hosts below it, either with a port, or *. localhost and loopback addresses are always reached without it. Not read under a mosquitto name.',
  SSLKEYLOGFILE: 'The default of --tls-keylog. Not read under a mosquitto name.',
  'AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN':
    'The keys for --aws-sigv4; the last one only where it is set.',
  'SSL_CERT_FILE, SSL_CERT_DIR':
    "A file with CA certificates, and a directory with more of them, used instead of the system's.",
  TZ: 'The time zone of the times that -F prints.',
};

export const commonEnvironment: Remarks = {
  TMQ_NO_FASTPATH:
    'With 1, every packet takes the general code path instead of the fast one. The output is the same. This shows whether a fault is in the fast path.',
  'PAGER, MANPAGER':
    "The program that shows --help and the manual page by page on a terminal, by default 'less -FRX'. MANPAGER is only for the manual, and comes before PAGER there. An empty value turns paging off.",
  'NO_COLOR, FORCE_COLOR':
    'NO_COLOR turns colour off. FORCE_COLOR turns it on, even if the output is not a terminal.',
  'XDG_CACHE_HOME, TMQ_NO_CODE_CACHE':
    'The directory of the code cache, which makes tmq start faster; by default ~/.cache. TMQ_NO_CODE_CACHE=1 turns the cache off.',
};

const commonFiles: Remarks = {
  '$XDG_CACHE_HOME/tmq, ~/.cache/tmq':
    'A cache of compiled code, which only its user can write to. It may be deleted at any time.',
};

/** The page of one command; `names` are those of all commands. */
export function commandManual(command: AnyCommand, names: readonly string[]): string {
  const name = pageName(command.name);
  const client = command.optionsFile !== undefined;
  const lines = [
    ...heading(name),
    ...section('Name', [`${escaped(name)} \\- ${escaped(command.summary)}`]),
    ...section('Synopsis', synopsis(command.synopsis.map((each: string) => `tmq ${command.name} ${each}`))),
    ...section('Description', paragraphs(command.description)),
    ...section('Options', [...optionRules(command), ...options(command.options)]),
    ...more(command.sections ?? []),
    ...section('Examples', examples(command)),
    ...section('Exit status', remarks(command.exitStatuses ?? statusRemarks(client))),
    ...section(
      'Environment',
      remarks({...(client ? clientEnvironment : {}), ...command.environment, ...commonEnvironment}),
    ),
    ...section('Files', remarks({...optionsFiles(command.optionsFile), ...command.files, ...commonFiles})),
    ...section('Differences from mosquitto', paragraphs(command.differences ?? [])),
    ...section('See also', [
      seeAlso([
        'tmq',
        ...names.filter((each) => each !== command.name).map(pageName),
        ...topicPageNames.map(pageName),
      ]),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The page of the program as a whole, with these sections about more than one command. */
export function programManual(
  commands: readonly HelpEntry[],
  programOptions: OptionTable,
  sections: readonly ManualSection[],
): string {
  const lines = [
    ...heading('tmq'),
    ...section('Name', ['tmq \\- MQTT for the shell']),
    ...section('Synopsis', synopsis(['tmq <command> [<option> …]'])),
    ...section(
      'Description',
      paragraphs([
        "Publishes and subscribes, asks and waits for the answer, manages password files, and runs a broker for tests. The commands pub, sub, rr and passwd take the options of mosquitto's mosquitto_pub, mosquitto_sub, mosquitto_rr and mosquitto_passwd; started by a link of such a name, tmq is that command.",
        'Standard output has only messages and the information asked for; everything else goes to standard error.',
      ]),
    ),
    ...section(
      'Commands',
      commands.flatMap(({name, summary}) => [
        '.TP',
        `.BR tmq\\-${name} (1)`,
        `${escaped(sentence(summary))}`,
      ]),
    ),
    ...section(
      'Options',
      Object.values(programOptions).flatMap((row) => tagged(form(row.flags), describe(row))),
    ),
    ...section('Shell completion', completion()),
    ...more(sections),
    ...section('Exit status', remarks(statusRemarks(true))),
    ...section('Environment', remarks({...clientEnvironment, ...commonEnvironment})),
    ...section('Files', remarks({...optionsFiles('pub'), ...commonFiles})),
    ...section(
      'Differences from mosquitto',
      paragraphs([
        "Options, output and exit statuses are those of mosquitto's programs, except where a script would be misled or data lost. Each command's page ends with what it does differently.",
      ]),
    ),
    ...section('See also', [
      seeAlso([...commands.map(({name: each}) => each), ...topicPageNames].map(pageName)),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The pages that are about no command: formats are in section 5 of the manual, and what spans programs in 7. */
const topicPages = {
  formats: {part: 5, summary: 'files that tmq reads and writes, and its output'},
  testing: {part: 7, summary: 'brokers for tests, in many languages'},
} as const;

/** What --manual takes besides the names of commands. */
export const topicPageNames = Object.keys(topicPages) as readonly (keyof typeof topicPages)[];

const pageName = (name: string) => `tmq-${name}`;

/** The page about a topic, made of these sections; `names` are those of all commands. */
export function topicManual(
  topic: keyof typeof topicPages,
  sections: readonly ManualSection[],
  names: readonly string[],
): string {
  const name = pageName(topic);
  const others = topicPageNames.filter((each) => each !== topic);
  const lines = [
    ...heading(name),
    ...section('Name', [`${escaped(name)} \\- ${escaped(topicPages[topic].summary)}`]),
    ...more(sections),
    ...section('See also', [seeAlso(['tmq', ...[...names, ...others].map(pageName)])]),
  ];
  return `${lines.join('\n')}\n`;
}

function heading(name: string): readonly string[] {
  return [
    `.\\" Made from the option tables by: tmq --manual${name === 'tmq' ? '' : ` ${name.slice(4)}`}`,
    `.TH ${escaped(name.toUpperCase())} ${manualSection(name)} ${reviewed} tmq "MQTT for the shell"`,
    // Options and topics are read wrongly with hyphens and blanks that a formatter added. The register is for the
    // macros of groff 1.22, which turn hyphenation on again in each paragraph.
    '.nh',
    '.nr HY 0',
    '.ad l',
  ];
}

/** Programs are in section 1. */
function manualSection(name: string): number {
  const topic = topicPageNames.find((each) => pageName(each) === name);
  return topic === undefined ? 1 : topicPages[topic].part;
}

/** Each form on a line of its own, which is broken at no blank in brackets. */
function synopsis(forms: readonly string[]): readonly string[] {
  const whole = (text: string) => text.replace(/ (?=[^[\](){}]*[\])}])/g, '\u00a0');
  return forms.flatMap((each, index) => [
    ...(index === 0 ? [] : ['.br']),
    form(whole(each)).replaceAll('\u00a0', '\\ '),
  ]);
}

/** How options are written. */
function optionRules(command: AnyCommand): readonly string[] {
  const form =
    'The value of an option is the next word, even if that begins with -, or is attached: --option=value, or -o and the value in one word. Short options without a value may be joined.';
  const switches = Object.entries(command.options as OptionTable)
    .filter(([key]) => command.commandSwitches?.includes(key))
    .map(([, {flags}]) => flags);
  const dashes =
    switches.length === 0 ? '' : ` With ${switches.join(' or ')}, words after -- are the command to run.`;
  return paragraphs([
    command.operands !== undefined
      ? `${form} Words after -- are never options. If an option is given twice, the last one wins.`
      : `${form} Options apply from left to right: if one is given twice, the last one wins, unless it is repeatable.${dashes}`,
  ]);
}

function options(table: OptionTable): readonly string[] {
  return optionsByGroup(table).flatMap(([group, rows]) =>
    subsection(
      group,
      rows.flatMap((row) => tagged(form(row.flags), describe(row))),
    ),
  );
}

/** The summary as a sentence, and the details after it. */
function describe(row: Option<unknown>): string {
  return row.details === undefined ? sentence(row.summary) : `${sentence(row.summary)} ${row.details}`;
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
}

function examples(command: AnyCommand): readonly string[] {
  return Object.entries<string>(command.examples).flatMap(([typed, summary], index) => [
    ...(index === 0 ? [] : ['.PP']),
    line(sentence(summary)),
    ...literal(folded(typed)),
  ]);
}

/** Columns of an example on a page of 80, without its indentation. */
const exampleColumns = 69;

/** A command line on as many lines as it needs. */
function folded(typed: string): readonly string[] {
  if (typed.length <= exampleColumns) return [typed];
  // Room for the backslash.
  return commandLines(typed, exampleColumns - 2).map((line, index, all) => {
    const end = index === all.length - 1 ? '' : ' \\';
    return `${index === 0 ? '' : '  '}${line}${end}`;
  });
}

/** Where each shell looks for its script. */
function completion(): readonly string[] {
  const targets = {
    bash: '~/.local/share/bash-completion/completions/tmq',
    zsh: '~/.zfunc/_tmq',
    fish: '~/.config/fish/completions/tmq.fish',
    powershell: '$PROFILE',
  };
  return [
    ...paragraphs([
      'Write the script once to a directory that the shell reads, which may have to be made first; for zsh, the directory must be in $fpath. In PowerShell, add the script to the profile.',
    ]),
    ...literal(
      Object.entries(targets).map(
        ([shell, path]) => `tmq --completion ${shell} ${shell === 'powershell' ? '>> ' : '>'}${path}`,
      ),
    ),
  ];
}

/** Sections without a page around them: the source of what `tmq help TOPIC` shows. */
export function sectionsOnly(sections: readonly ManualSection[]): string {
  return `${more(sections).join('\n')}\n`;
}

const isCommand = (line: string) => /^(?:.* \| )?tmq /.test(line);

function more(sections: readonly ManualSection[]): readonly string[] {
  return sections.flatMap((each) => {
    const parts = (each.parts ?? []).flatMap((part) => subsection(part.title, bodyOf(part)));
    return section(each.title, [...bodyOf(each), ...parts]);
  });
}

function bodyOf({text, remarks: entries = {}, literal: lines}: ManualSection): readonly string[] {
  return [
    ...paragraphs(text),
    ...(lines === undefined
      ? []
      : literal(lines.flatMap((each) => (isCommand(each) ? folded(each) : [each])))),
    ...remarks(entries),
  ];
}

function remarks(entries: Remarks): readonly string[] {
  return Object.entries(entries).flatMap(([term, text]) => tagged(bold(term), text));
}

/** The statuses of a client, or the two of every other program. */
export function statusRemarks(client: boolean): Remarks {
  if (!client) {
    return {0: exitStatuses.success[1], 1: 'An error; a line on standard error gives the cause.'};
  }
  return {
    ...Object.fromEntries(Object.values(exitStatuses)),
    '1 to 5':
      'Also the return code of a broker that refuses the connection, up to MQTT 3.1.1: 1 the version, 2 the client id, 3 unavailable, 4 user name or password, 5 not authorised.',
    '128 and above':
      'The reason code of a broker that refuses the connection, a message or every subscription, in MQTT 5; for example 135, not authorised. In MQTT 3.1.1, 128 for refused subscriptions.',
  };
}

function optionsFiles(name: string | undefined): Remarks {
  if (name === undefined) return {};
  return {
    [`$XDG_CONFIG_HOME/tmq/${name}, ~/.config/tmq/${name}`]:
      'Options that are read before those of the command line, one on each line: the option, a space, and its value to the end of the line, without quotes. A line that begins with # is a comment. See tmq-formats(5).',
    ...(mosquittoFiles.has(name)
      ? {
          [`$XDG_CONFIG_HOME/mosquitto_${name}, ~/.config/mosquitto_${name}`]:
            'Read where the file above does not exist.',
        }
      : {}),
    '$XDG_CONFIG_HOME/tmq/profiles, ~/.config/tmq/profiles': 'The profiles: see tmq help profiles.',
  };
}

function seeAlso(names: readonly string[]): string {
  return [...names]
    .sort()
    .map(
      (name, index) =>
        `.BR ${escaped(name)} (${manualSection(name)})${index === names.length - 1 ? '' : ' ,'}`,
    )
    .join('\n');
}
