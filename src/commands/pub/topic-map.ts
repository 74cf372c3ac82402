/** --map: rules that rewrite topics, in the form of sed's command s. */

import {UsageError} from '../../errors.ts';

export interface TopicMap {
  readonly expression: RegExp;
  /** With & and \\1 as sed has them. */
  readonly replacement: string;
}

function invalid(given: string, why: string): UsageError {
  return new UsageError(
    `Invalid --map rule '${given}': ${why}. Its form is 's#pattern#replacement#', as in 's#^prod/#test/#'.`,
  );
}

/** The parts between the delimiters; a backslash takes its meaning from a delimiter. */
function partsOf(text: string, delimiter: string): readonly string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    const next = text[at + 1];
    if (character === delimiter) parts.push('');
    else if (character === '\\' && next !== undefined) {
      parts.push(`${parts.pop()}${next === delimiter ? next : character + next}`);
      at++;
    } else parts.push(parts.pop()! + character);
  }
  return parts;
}

/**
 * Parses 's#pattern#replacement#flags'. The flags are g (all matches) and i (any case).
 * @throws UsageError naming what is wrong with it
 */
export function parseTopicMap(given: string): TopicMap {
  const delimiter = given[1] ?? '';
  if (given[0] !== 's' || !/^[^\s\\\p{L}\p{N}]$/u.test(delimiter))
    throw invalid(given, 'it does not begin with s and a delimiter');
  const parts = partsOf(given.slice(2), delimiter);
  if (parts.length !== 3)
    throw invalid(given, `it has ${parts.length} of the three parts ending at ${delimiter}`);
  const [pattern, replacement, flags] = parts as [string, string, string];
  if (!/^(g|i|gi|ig)?$/.test(flags)) throw invalid(given, `the flags '${flags}' are not among g and i`);
  const expression = compile(given, pattern, flags);
  const groups = new RegExp(`${expression.source}|`).exec('')!.length - 1;
  const missing = [...replacement.matchAll(/\\(\d)/g)].find(([, digit]) => Number(digit) > groups);
  if (missing !== undefined)
    throw invalid(given, `${missing[0]} names a group that the pattern does not have`);
  return {expression, replacement};
}

/** The topic after one rule. */
export function mapTopic({expression, replacement}: TopicMap, topic: string): string {
  const replace = (...match: unknown[]) =>
    replacement.replace(/\\(.)|&/g, (token: string, escaped: string | undefined) => {
      if (token === '&') return String(match[0]);
      return /\d/.test(escaped!) ? String(match[Number(escaped)] ?? '') : escaped!;
    });
  return topic.replace(expression, replace);
}

function compile(given: string, pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    throw invalid(given, (error as Error).message.replace(/^Invalid regular expression: /, ''));
  }
}
