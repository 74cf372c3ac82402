/**
 * Topic names and topic filters: which are valid, and which match. Pure; knows neither packets nor options.
 */

import {largestTwoByteInteger} from './fixed-header.ts';

/** A filter of SUBSCRIBE: of a shared subscription with the name of its group [MQTT 5, 4.8.2]. */
export interface ParsedSubscription {
  readonly shareName?: string;
  readonly filter: string;
}

/** mosquitto refuses more levels than this, so that a broker's stack cannot be run through. */
const mostSeparators = 200;

/**
 * What an MQTT string must not or should not hold [MQTT 5, 1.5.4]: surrogates without their partner
 * [MQTT-1.5.4-1], U+0000 [MQTT-1.5.4-2] and the other control characters, non-characters. Receivers may
 * close the connection over each of them, and mosquitto does.
 */
function hasDisallowed(text: string): boolean {
  return /[\p{Surrogate}\p{Control}\p{Noncharacter_Code_Point}]/u.test(text);
}

/** Nearly every text, accepted without the expression above, whose table takes long to make. */
const printableAscii = /^[ -~]*$/;

/** Whether the characters of a text may travel as an MQTT string. Does not check its length. */
export function isMqttString(text: string): boolean {
  return printableAscii.test(text) || !hasDisallowed(text);
}

const controlNames: Readonly<Record<string, string>> = {
  '\0': 'NUL',
  '\t': 'TAB',
  '\n': 'LF',
  '\r': 'CR',
  '\u001b': 'ESC',
};

/** What of a text may not travel as an MQTT string: 'the control character CR'. For texts that `isMqttString` refuses. */
export function disallowedIn(text: string): string {
  const found = /[\p{Surrogate}\p{Control}\p{Noncharacter_Code_Point}]/u.exec(text)?.[0] ?? '';
  const code = `U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  if (/\p{Control}/u.test(found)) return `the control character ${controlNames[found] ?? code}`;
  return /\p{Surrogate}/u.test(found) ? 'half a surrogate pair' : `${code}, which is no character`;
}

/** Whether a text fits into an MQTT string: at most 65535 bytes of UTF-8. */
export function fitsMqttString(text: string): boolean {
  // No UTF-16 unit takes more than three bytes of UTF-8: most texts need no counting.
  return text.length * 3 <= largestTwoByteInteger || Buffer.byteLength(text) <= largestTwoByteInteger;
}

function hasTopicLength(text: string): boolean {
  return text !== '' && fitsMqttString(text);
}

function hasTopicDepth(text: string): boolean {
  let separators = 0;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) separators++;
  return separators <= mostSeparators;
}

/**
 * Whether a message can be published to the topic: 1 to 65535 bytes, at most 200 separators, no wildcards
 * [MQTT-3.3.2-2]. For its characters see `isMqttString`.
 */
export function isPublishTopic(topic: string): boolean {
  return hasTopicLength(topic) && hasTopicDepth(topic) && !/[+#]/.test(topic);
}

/**
 * Whether the filter can be subscribed to: 1 to 65535 bytes, at most 200 separators, + alone in its level
 * [MQTT-4.7.1-2], # alone in the last one [MQTT-4.7.1-1].
 */
export function isTopicFilter(filter: string): boolean {
  return hasTopicLength(filter) && hasTopicDepth(filter) && !/[^/][+#]|\+[^/]|#./s.test(filter);
}

/**
 * Parses a filter of SUBSCRIBE. A shared one needs a group without wildcards and a
 * filter after it [MQTT-4.8.2-1, MQTT-4.8.2-2]; undefined where that, or the filter, is malformed.
 */
export function parseSubscription(text: string): ParsedSubscription | undefined {
  if (!isTopicFilter(text)) return undefined;
  if (!text.startsWith('$share/')) return {filter: text};
  const start = '$share/'.length;
  const end = text.indexOf('/', start);
  if (end === -1) return undefined;
  const shareName = text.slice(start, end);
  const filter = text.slice(end + 1);
  if (shareName === '' || /[+#]/.test(shareName) || filter === '') return undefined;
  return {shareName, filter};
}

/**
 * Whether a topic matches a filter [MQTT 5, 4.7]; both are taken to be valid. a/# matches a itself
 * [4.7.1.2], and a leading wildcard matches no topic that begins with $ [MQTT-4.7.2-1].
 */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') !== filter.startsWith('$')) return false;
  let inFilter = 0;
  let inTopic = 0;
  for (;;) {
    if (filter[inFilter] === '#') return true;
    const filterEnd = levelEnd(filter, inFilter);
    const topicEnd = levelEnd(topic, inTopic);
    if (filter[inFilter] !== '+') {
      const level = filter.slice(inFilter, filterEnd);
      if (level.length !== topicEnd - inTopic || !topic.startsWith(level, inTopic)) return false;
    }
    if (topicEnd === topic.length) return filterEnd === filter.length || filter.startsWith('/#', filterEnd);
    if (filterEnd === filter.length) return false;
    inFilter = filterEnd + 1;
    inTopic = topicEnd + 1;
  }
}

function levelEnd(text: string, start: number): number {
  const end = text.indexOf('/', start);
  return end === -1 ? text.length : end;
}
