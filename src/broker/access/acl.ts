/** acl_file of mosquitto.conf(5): text → rules, and what the rules allow a client. Knows no file and no password. */

import {TmqError} from '../../errors.ts';
import {isTopicFilter, matches} from '../../protocol/topic.ts';

interface Rule {
  readonly access: 'read' | 'write' | 'readwrite' | 'deny';
  readonly filter: string;
}

/** The rules of an acl_file. */
export interface AccessList {
  /** By user name; undefined: clients without one. */
  readonly rules: ReadonlyMap<string | undefined, readonly Rule[]>;
  /** For every client, with %u and %c not yet replaced. */
  readonly patterns: readonly Rule[];
  /** What is probably not meant so: 'path:line: …', without full stop. */
  readonly warnings: readonly string[];
}

const accessWords = ['read', 'write', 'readwrite', 'deny'] as const;

/**
 * The text of an acl_file as rules.
 * @throws TmqError "path:line: …" for a line that mosquitto would not understand either
 */
export function parseAccessList(text: string, path: string): AccessList {
  const rules = new Map<string | undefined, Rule[]>();
  const patterns: Rule[] = [];
  const warnings: string[] = [];
  let user: string | undefined;
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const fail = (sentence: string): never => {
      throw new TmqError(`${path}:${index + 1}: ${sentence}.`);
    };
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(line.trim()) ?? [];
    if (word === 'user') {
      if (rest === '') fail('user is given without a name');
      user = rest;
    } else if (word === 'topic' || word === 'pattern') {
      const rule = parseRule(word, rest, fail);
      if (word === 'pattern') {
        add(patterns, rule);
        const doubt = doubtAbout(rule.filter);
        if (doubt !== undefined) warnings.push(`${path}:${index + 1}: ${doubt}`);
      } else {
        const own = rules.get(user) ?? [];
        add(own, rule);
        rules.set(user, own);
      }
    } else fail(`'${word}' is none of topic, pattern and user`);
  }
  return {rules, patterns, warnings};
}

/** Why a pattern may not do what it is for; undefined: it is as it should be. */
function doubtAbout(filter: string): string | undefined {
  const levels = filter.split('/');
  if (levels.includes('%c') || levels.includes('%u')) return undefined;
  return /%[cu]/.test(filter)
    ? `in the pattern '${filter}', %c and %u are filled in only as whole levels, as by mosquitto 2.1; 2.0 fills them in anywhere`
    : `the pattern '${filter}' contains neither %c nor %u: it applies to every client`;
}

/** '[read|write|readwrite|deny] filter' */
function parseRule(word: string, text: string, fail: (sentence: string) => never): Rule {
  if (text === '') fail(`${word} is given without a topic`);
  const [, first = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  // With a space in it, the first word is the access: a topic with spaces needs one in front.
  const access = rest === '' ? 'readwrite' : accessWords.find((each) => each === first);
  if (access === undefined) return fail(`'${first}' is none of ${accessWords.join(', ')}`);
  const filter = rest === '' ? first : rest;
  if (!isTopicFilter(filter)) fail(`'${filter}' is not a valid topic filter`);
  return {access, filter};
}

function add(list: Rule[], rule: Rule): void {
  if (rule.access === 'deny') list.unshift(rule);
  else list.push(rule);
}

/**
 * Whether a client may read or write a topic, as in mosquitto's security_default.c: by the rules of its user name
 * (without one, those before the first `user` line), then by the patterns. In each list, denials come first, and
 * the first rule that matches the topic and the access decides. Without any, the answer is no.
 */
export function allows(
  list: AccessList,
  client: {readonly clientId: string; readonly username?: string},
  access: 'read' | 'write',
  topic: string,
): boolean {
  const {clientId, username} = client;
  const own = firstAnswer(list.rules.get(username) ?? [], access, topic);
  if (own !== undefined || list.patterns.length === 0) return own ?? false;
  // Such a name in a pattern would act as a wildcard [CVE-2017-7650], or as more levels than one.
  if (/[+#/]/.test(clientId) || /[+#/]/.test(username ?? '')) return false;
  return firstAnswer(substitute(list.patterns, clientId, username), access, topic) ?? false;
}

/** The answer of the first rule that matches; undefined if none does. */
function firstAnswer(rules: Iterable<Rule>, access: 'read' | 'write', topic: string): boolean | undefined {
  for (const rule of rules) {
    if (!matches(rule.filter, topic)) continue;
    if (rule.access === 'deny') return false;
    if (rule.access === 'readwrite' || rule.access === access) return true;
  }
  return undefined;
}

/** Patterns with the client's names in place of the levels %c and %u, as in mosquitto 2.1. */
function* substitute(
  patterns: readonly Rule[],
  clientId: string,
  username: string | undefined,
): Generator<Rule> {
  for (const {access, filter} of patterns) {
    const levels = filter.split('/');
    if (username === undefined && levels.includes('%u')) continue;
    const filled = levels.map((level) => (level === '%c' ? clientId : level === '%u' ? username : level));
    yield {access, filter: filled.join('/')};
  }
}
