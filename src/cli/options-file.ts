/**
 * The options file: where it is, and its text as options said before the command line. One option a line,
 * the rest of the line its value, verbatim: no quotes, no escapes, no variables. Knows no
 * command, and of the options only -D, which has several values, and -o.
 */

import {readFileSync, statSync} from 'node:fs';
import {join, win32} from 'node:path';
import {fileError, UsageError} from '../errors.ts';
import type {OptionsLine} from './parse.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The commands that mosquitto also has, and for which it has a file of its own. */
export const mosquittoFiles: ReadonlySet<string> = new Set(['pub', 'sub', 'rr']);

/**
 * Where options files may be, first come first served: tmq/NAME, then mosquitto_NAME where mosquitto has one, in $XDG_CONFIG_HOME
 * or else in ~/.config. Like mosquitto, a directory named by $XDG_CONFIG_HOME is the only one looked at. On Windows
 * without it: tmq/NAME in %APPDATA%, then mosquitto's NAME.conf in %USERPROFILE%.
 */
export function optionsFilePaths(
  name: string,
  env: Environment,
  platform: NodeJS.Platform,
): readonly string[] {
  const isMosquittos = mosquittoFiles.has(name);
  if (platform === 'win32' && env.XDG_CONFIG_HOME === undefined) {
    const {APPDATA: own, USERPROFILE: home} = env;
    return [
      ...(own === undefined ? [] : [win32.join(own, 'tmq', name)]),
      ...(home === undefined || !isMosquittos ? [] : [win32.join(home, `mosquitto_${name}.conf`)]),
    ];
  }
  const directory = env.XDG_CONFIG_HOME ?? (env.HOME === undefined ? undefined : join(env.HOME, '.config'));
  if (directory === undefined) return [];
  const base = directory === '' ? '/' : directory;
  return [join(base, 'tmq', name), ...(isMosquittos ? [join(base, `mosquitto_${name}`)] : [])];
}

/**
 * The lines of the file named by -o, or of the first of the usual ones that is there.
 * @throws TmqError when a file is there and cannot be read, or the one named by -o is not there
 */
export function readOptionsFile(
  name: string,
  given: string | undefined,
  env: Environment,
  platform: NodeJS.Platform,
): readonly OptionsLine[] {
  for (const path of given === undefined ? optionsFilePaths(name, env, platform) : [given]) {
    try {
      return parseOptionsFile(readFileSync(path, 'utf8'), path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      const absent = code === 'ENOENT' || code === 'ENOTDIR' || (code === 'EACCES' && !isVisible(path));
      if (absent && given === undefined) continue;
      throw fileError('options file', path, error);
    }
  }
  return [];
}

/** Whether a file exists. In a home of another user, closed to this one, it counts as absent. */
function isVisible(path: string): boolean {
  try {
    return statSync(path, {throwIfNoEntry: false}) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The options of a file: '#' in the first column begins a comment, empty lines and CR at the end go.
 * @throws UsageError where a line names a profile
 */
export function parseOptionsFile(content: string, path: string): readonly OptionsLine[] {
  const lines: OptionsLine[] = [];
  const texts = content.replace(/^\uFEFF/, '').split('\n');
  for (const [index, line] of texts.entries()) {
    if (line.startsWith('#')) continue;
    const words = splitLine(line.replace(/\r+$/, ''));
    // A -o here would start all over again.
    if (words.length === 0 || namesOptionsFile(words[0]!)) continue;
    const where = `${path}:${index + 1}`;
    if (/^--profile(=|$)/.test(words[0]!)) {
      throw new UsageError(
        `${where}: --profile stands on the command line only. TMQ_PROFILE names the profile that is the usual one.`,
      );
    }
    lines.push({words, where});
  }
  return lines;
}

function namesOptionsFile(option: string): boolean {
  return option === '-o' || /^--options-file(=|$)/.test(option);
}

/** The first space ends the option; all behind it is one value, but for -D, which takes several. */
function splitLine(line: string): readonly string[] {
  const text = line.replace(/^ +/, '');
  if (text.trim() === '') return [];
  const space = text.indexOf(' ');
  if (space === -1) return [text];
  const option = text.slice(0, space);
  const value = text.slice(space + 1);
  // Blanks behind a switch, or in place of a value, are no value.
  if (value.trim() === '') return [option];
  return option === '-D' || option === '--property' ? [option, ...splitProperty(value)] : [option, value];
}

/** 'command name value', or 'command user-property name value'; the last one keeps its spaces. */
function splitProperty(text: string): readonly string[] {
  const count = /^ *\S+ +user-property /i.test(text) ? 3 : 2;
  const words: string[] = [];
  let rest = text;
  for (let taken = 0; taken < count; taken++) {
    const match = /^ *([^ ]+) ?/.exec(rest);
    if (match === null) return words;
    words.push(match[1]!);
    rest = rest.slice(match[0].length);
    if (rest === '' && !match[0].endsWith(' ')) return words;
  }
  return [...words, rest];
}
