/** The hooks of a test broker: records what is published, and asks `authorize` and `onPublish`. */

import type {Identity} from '../../broker/access/access.ts';
import type {BrokerHooks, Verdict} from '../../broker/state/broker-context.ts';
import type {Session} from '../../broker/state/session.ts';
import type {DecodedPublish, StoredMessage} from '../../broker/wire/publish-packet.ts';
import {defined} from '../../defined.ts';
import type {Properties} from '../../protocol/properties.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {readPropertyFields} from '../client/read-properties.ts';
import type {AuthorizationRequest, Published, StartOptions} from './types.ts';

export interface HookOptions extends Pick<StartOptions, 'authorize' | 'onPublish'> {
  readonly record: (message: Published) => void;
  readonly connected: (clientId: string) => void;
  /** Gets what authorize and onPublish throw. */
  readonly failed: (error: unknown) => void;
}

/** What a broker calls, for the given options; it does not ask where there is nothing to ask. */
export function hooksFor({authorize, onPublish, record, connected, failed}: HookOptions): BrokerHooks {
  const settled = (ask: () => unknown): Verdict => {
    const refuse = (error: unknown) => {
      failed(error);
      return ReasonCode.unspecifiedError;
    };
    try {
      const answer = ask();
      if (!isPromiseLike(answer)) return verdictOf(answer);
      // In an environment of jest, promises of Node are of another class than those of the test.
      return Promise.resolve(answer).then(verdictOf).catch(refuse);
    } catch (error) {
      return refuse(error);
    }
  };
  const authorized = (request: AuthorizationRequest): Verdict =>
    authorize === undefined ? 0 : settled(() => authorize(request));
  const told = (message: Published): Verdict =>
    onPublish === undefined
      ? 0
      : settled(() => {
          const done = onPublish(message);
          return isPromiseLike(done) ? done.then(() => true) : true;
        });
  /** What `received` got last: `publish` is called with the same message. */
  let last: Published | undefined;
  return {
    connected,
    received(from, topic, publish) {
      last = publishedBy(from, topic, publish);
      record(last);
    },
    will: (from, message) => record(willOf(from, message)),
    ...(authorize !== undefined || onPublish !== undefined
      ? {
          publish(from: Session, topic: string) {
            const message = last!;
            const verdict = authorized({action: 'publish', topic, ...clientOf(from)});
            if (typeof verdict === 'number') return verdict === 0 ? told(message) : verdict;
            return verdict.then((code) => (code === 0 ? told(message) : code));
          },
        }
      : {}),
    ...(authorize !== undefined
      ? {
          connect: (identity: Identity) => authorized(connectRequest(identity)),
          subscribe: (from: Session, filter: string) =>
            authorized({action: 'subscribe', topic: filter, ...clientOf(from)}),
        }
      : {}),
  };
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** @throws TypeError for what is no answer */
function verdictOf(answer: unknown): number {
  if (answer === true) return 0;
  if (answer === false) return ReasonCode.notAuthorized;
  const isCode = Number.isInteger(answer) && (answer as number) >= 0x80 && (answer as number) <= 0xff;
  if (isCode) return answer as number;
  throw new TypeError(
    `authorize returned ${String(answer)}: it returns true, false or a reason code from 0x80 to 0xFF.`,
  );
}

function clientOf({clientId, username}: Session): Pick<AuthorizationRequest, 'clientId' | 'user'> {
  return defined({clientId, user: username});
}

function connectRequest({clientId, username, certifiedUsername, password}: Identity): AuthorizationRequest {
  return {
    action: 'connect',
    clientId,
    topic: '',
    ...defined({user: certifiedUsername ?? username, password}),
  };
}

function publishedBy({clientId}: Session, topic: string, publish: DecodedPublish): Published {
  const {payload, qos, retain, dup, expirySeconds, topicAlias} = publish;
  const properties: Properties | undefined =
    publish.properties.length === 0 && expirySeconds === undefined && topicAlias === undefined
      ? undefined
      : {
          ...readPropertyFields<Properties>(publish.properties),
          ...defined({messageExpiryInterval: expirySeconds, topicAlias}),
        };
  return {
    ...{source: 'client', clientId, topic, payload: Buffer.from(payload), qos, retain, duplicate: dup},
    ...defined({properties}),
  };
}

function willOf({clientId}: Session, message: StoredMessage): Published {
  const {topic, payload, qos, retain} = message;
  const properties = readPropertyFields<Properties>(message.properties);
  return {
    ...{source: 'will', clientId, topic, payload: Buffer.from(payload), qos, retain, duplicate: false},
    ...defined({properties}),
  };
}
