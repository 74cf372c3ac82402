/** What every option that takes a topic or a topic filter checks, in mosquitto's words. */

import {UsageError} from '../../errors.ts';
import {disallowedIn, isMqttString, isPublishTopic, isTopicFilter} from '../../protocol/topic.ts';

export interface TopicOption {
  /** As in messages: '-t'. */
  readonly option: string;
  /** As in messages: 'publish topic', 'response topic', 'subscription topic'. */
  readonly what: string;
}

function checkText(text: string, {option, what}: TopicOption): void {
  if (text === '') throw new UsageError(`The ${what} of ${option} is empty.`);
  if (!isMqttString(text)) throw new UsageError(`Invalid ${option} argument: it has ${disallowedIn(text)}.`);
}

/** A parser of topics to publish to. @throws UsageError for wildcards, bad length or bad characters */
export function publishTopic(names: TopicOption): (text: string) => string {
  return (text) => {
    checkText(text, names);
    if (!isPublishTopic(text)) {
      throw new UsageError(`Invalid ${names.what} '${text}', does it contain '+' or '#'?`);
    }
    return text;
  };
}

/** A parser of topic filters. @throws UsageError for misplaced wildcards, bad length or bad characters */
export function topicFilter(names: TopicOption): (text: string) => string {
  return (text) => {
    checkText(text, names);
    if (!isTopicFilter(text)) {
      throw new UsageError(`Invalid ${names.what} '${text}', are all '+' and '#' wildcards correct?`);
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
