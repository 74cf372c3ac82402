/** What every option that takes a topic or a topic filter checks, in mosquitto's words. */

import {UsageError} from '../../errors.ts';
import {
  disallowedIn,
  fitsMqttString,
  isMqttString,
  isPublishTopic,
  isTopicFilter,
  parseSubscription,
} from '../../protocol/topic.ts';

export interface TopicOption {
  /** As in messages: '-t'. */
  readonly option: string;
  /** As in messages: 'publish topic', 'response topic', 'subscription topic'. */
  readonly what: string;
}

function checkText(text: string, {option, what}: TopicOption): void {
  if (text === '')
    throw new UsageError(`The ${what} of ${option} is empty. Is a variable of the shell unset?`);
  if (!isMqttString(text)) throw new UsageError(`Invalid ${option} argument: it has ${disallowedIn(text)}.`);
}

function invalid({what}: TopicOption, text: string, why: string): UsageError {
  const isOfWildcards = /[+#]/.test(text) && fitsMqttString(text);
  const reason = isOfWildcards ? why : 'it has more than 200 slashes or 65535 bytes';
  return new UsageError(`Invalid ${what} '${text}', ${reason}.`);
}

/** A parser of topics to publish to. @throws UsageError for wildcards, bad length or bad characters */
export function publishTopic(names: TopicOption): (text: string) => string {
  return (text) => {
    checkText(text, names);
    if (!isPublishTopic(text)) {
      throw invalid(names, text, "does it contain '+' or '#'? They are wildcards, for subscriptions only");
    }
    return text;
  };
}

/**
 * A parser of topic filters.
 * @throws UsageError for misplaced wildcards, bad length or bad characters; to subscribe, also for a malformed $share
 */
export function topicFilter(names: TopicOption): (text: string) => string {
  return (text) => {
    checkText(text, names);
    if (!isTopicFilter(text)) {
      throw invalid(
        names,
        text,
        "are all '+' and '#' wildcards correct? Each stands alone between slashes, and '#' at the end",
      );
    }
    // A server closes the connection at such a one [MQTT-4.8.2-1, MQTT-4.8.2-2].
    if (names.what === 'subscription topic' && parseSubscription(text) === undefined) {
      throw new UsageError(
        `Invalid shared subscription '${text}'. Its form is $share/GROUP/FILTER, with no wildcard in the group, as in '$share/workers/jobs/#'`,
      );
    }
    return text;
  };
}

/** A parser of options that may be given several times, each with a topic filter. */
export function topicFilters(
  names: TopicOption,
): (text: string, previous: readonly string[] | undefined) => readonly string[] {
  const check = topicFilter(names);
  return (text, previous) => [...(previous ?? []), check(text)];
}
