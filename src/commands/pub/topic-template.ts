/** --topic-template: a topic with fields of a line, or values of a line of JSON, in it. */

import {isUtf8} from 'node:buffer';
import {ExitCode, TmqError, UsageError} from '../../errors.ts';
import {afterSpace, placeOf} from '../../format/json-scan.ts';

/** What stands in braces. */
type Part =
  | {readonly kind: 'text'; readonly text: string}
  | {readonly kind: 'field'; readonly number: number}
  | {readonly kind: 'path'; readonly path: readonly (string | number)[]; readonly shown: string};

export interface TopicTemplate {
  readonly parts: readonly Part[];
}

function invalidTemplate(given: string, why: string): UsageError {
  return new UsageError(
    `Invalid --topic-template '${given}': ${why}. {1} is a field of the line, {.id} a value of JSON, {{ a brace.`,
  );
}

/** '.a.b[0]'; undefined where it is no path. */
function parsePath(text: string): readonly (string | number)[] | undefined {
  if (!/^(\.[\p{L}\p{N}_$-]+|\[\d{1,9}\])+$/u.test(text) || !text.startsWith('.')) return undefined;
  return [...text.matchAll(/\.([^.[]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));
}

/** @throws UsageError naming what is wrong, also where nothing in it comes from the line */
export function parseTopicTemplate(given: string): TopicTemplate {
  const parts = [...given.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/g)].map(([token, inner]): Part => {
    if (inner === undefined) {
      if (token === '{' || token === '}') throw invalidTemplate(given, `a ${token} stands alone`);
      return {kind: 'text', text: token === '{{' || token === '}}' ? token[0]! : token};
    }
    if (/^[1-9]\d{0,5}$/.test(inner)) return {kind: 'field', number: Number(inner)};
    const path = parsePath(inner);
    if (path === undefined) throw invalidTemplate(given, `${token} is neither a number from 1 nor a path`);
    return {kind: 'path', path, shown: inner};
  });
  const kinds = new Set(parts.map(({kind}) => kind));
  if (kinds.has('field') && kinds.has('path')) {
    throw invalidTemplate(given, 'a line is either JSON or has fields');
  }
  if (!kinds.has('field') && !kinds.has('path')) {
    throw invalidTemplate(given, 'nothing in it comes from the line; for one topic there is -t');
  }
  return {parts};
}

function refused(sentence: string): TmqError {
  return new TmqError(sentence, ExitCode.invalid);
}

/** The fields of a line: between separators, or runs of spaces and tabs where none is given. */
function fieldsOf(text: string, separator: string | undefined): readonly string[] {
  return separator === undefined
    ? text.split(/[ \t]+/).filter((field) => field !== '')
    : text.split(separator);
}

/** A value of a line of JSON as text. @throws TmqError 3 where there is none, or it has parts */
function valueText(line: Uint8Array, path: readonly (string | number)[], shown: string): string {
  const place = placeOf(line, afterSpace(line, 0), path);
  if (place === 'malformed') throw refused('is no JSON');
  if (place === undefined) throw refused(`has nothing at ${shown}`);
  const text = Buffer.from(line.subarray(place.start, place.end)).toString();
  if (text === 'null') throw refused(`has null at ${shown}`);
  if (/^[{[]/.test(text)) throw refused(`has an ${text[0] === '{' ? 'object' : 'array'} at ${shown}`);
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/**
 * The topic that a line gives. `clean` is applied to each value.
 * @throws TmqError 3 with the rest of a sentence about the line, where a value is missing or changes the levels
 */
export function topicOf(
  {parts: template}: TopicTemplate,
  line: Uint8Array,
  {
    split,
    clean,
  }: {readonly split: string | undefined; readonly clean: ((value: string) => string) | undefined},
): string {
  if (clean === undefined && !isUtf8(line)) throw refused('is not valid UTF-8');
  const fields = template.some(({kind}) => kind === 'field')
    ? fieldsOf(Buffer.from(line).toString(), split)
    : [];
  const parts = template.map((part) => {
    if (part.kind === 'text') return part.text;
    const name = part.kind === 'field' ? `field ${part.number}` : part.shown;
    const value = part.kind === 'field' ? fields[part.number - 1] : valueText(line, part.path, part.shown);
    if (value === undefined) {
      throw refused(
        `has ${fields.length} field${fields.length === 1 ? '' : 's'}, and the topic needs field ${(part as {number: number}).number}`,
      );
    }
    if (clean !== undefined) return clean(value);
    if (value === '') throw refused(`has an empty ${name}`);
    if (value.includes('/'))
      throw refused(`has a slash in ${name}, which would make another level of the topic`);
    return value;
  });
  return parts.join('');
}
