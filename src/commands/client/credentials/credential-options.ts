/** The options about how a client proves who it is, beyond user name and password. */

import {choice, inGroup, text, type Values} from '../../../cli/option.ts';
import type {AwsSigning, Endpoint, Header} from '../../../client/connection-options.ts';
import {defined} from '../../../defined.ts';
import {TmqError, UsageError} from '../../../errors.ts';
import type {Io} from '../../../io/process.ts';
import {type ScramMethod, scramMethods} from '../../../password/scram-methods.ts';
import type {ProtocolVersion} from '../../../protocol/message.ts';
import {type PropertySetting, propertiesFor} from '../../../protocol/property-option.ts';
import type {CredentialSource, PasswordSource} from './credentials.ts';

/** The rows about credentials beyond the user name and the password itself. */
export const credentialOptions = inGroup('Connection', {
  authMethod: {
    flags: '--auth-method <method>',
    summary: `prove the password instead of sending it: ${scramMethods.join(' or ')}; sets MQTT 5`,
    details:
      'Enhanced authentication of MQTT 5 with SCRAM (RFC 5802, RFC 7677): the broker never sees the password, and has to prove that it knows it, too; otherwise the connection ends with status 2. The user name is that of -u, and the password that of -P, --pw-file or --pw-env. Without TLS, others can still read the messages.',
    noun: 'authentication method',
    parse: choice(
      scramMethods,
      (given) => `Unknown --auth-method given: ${given}. It is ${scramMethods.join(' or ')}.`,
    ),
    assign: () => ({protocolVersion: 5}),
    complete: scramMethods,
  },
  passwordCommand: {
    flags: '--pw-command <command>',
    summary: 'password: the first line that this command prints, anew for each connection',
    details:
      'The shell runs it: sh -c, on Windows cmd.exe. Its standard error is shown. If it fails, connecting fails; a session that is running tries again by the reconnect policy. If the password is a JSON Web Token with a time of expiry (exp), it is used until a minute before that time; any other one for one connection, or as long as --pw-ttl says. A password that was kept and is then refused is fetched anew, once.',
    secret: true,
    assign: (command: string) => ({password: {kind: 'command', command} satisfies PasswordSource}),
  },
  passwordTtl: {
    flags: '--pw-ttl <time>',
    summary: 'use a password of --pw-command for this time: 50m, 90s, 1h',
    parse: (given: string): number => {
      const [, amount, unit = 's'] = /^(\d{1,9})([smh]?)$/.exec(given) ?? [];
      if (amount === undefined)
        throw new UsageError(`Invalid --pw-ttl given: ${given}. It is a time such as 50m, 90s or 1h.`);
      return Number(amount) * {s: 1, m: 60, h: 3600}[(unit || 's') as 's' | 'm' | 'h'];
    },
  },
  header: {
    flags: '--header <header>',
    summary: "send this header with the WebSocket request: 'Name: value'; repeatable",
    details:
      'For proxies and brokers that want to know the client before MQTT begins, as with Authorization: Bearer TOKEN. tmq shows the value neither in messages nor in the list of processes.',
    secret: true,
    parse: (given: string, previous: readonly Header[] | undefined): readonly Header[] => [
      ...(previous ?? []),
      parseHeader(given, '--header'),
    ],
  },
  headerCommand: {
    flags: '--header-command <command>',
    summary: 'send the headers that this command prints, anew for each connection',
    details: "Each line is 'Name: value'. The command is run as that of --pw-command.",
    secret: true,
    parse: text,
  },
  awsRegion: {
    flags: '--aws-sigv4 <region>',
    summary: 'sign the WebSocket request for AWS IoT Core in this region, as eu-central-1',
    details:
      'Signature Version 4, anew for each connection, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is set, AWS_SESSION_TOKEN from the environment. It sets --ws and --tls-use-os-certs. AWS listens on port 443: -h ID-ats.iot.REGION.amazonaws.com -p 443.',
    parse: (given: string): string => {
      if (/^[a-z]{2}(?:-[a-z]+)+-\d+$/.test(given)) return given;
      throw new UsageError(
        `Invalid region of --aws-sigv4 given: ${given}. It is a name such as eu-central-1.`,
      );
    },
    assign: () => ({ws: true, systemCertificates: true}),
  },
});

/** The keys of AWS in its usual variables. @throws TmqError where one is missing */
export function awsSigningOf(region: string, env: Io['env']): AwsSigning {
  const needed = (name: string) => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    throw new TmqError(`The environment variable ${name} is not set: --aws-sigv4 needs it.`);
  };
  const accessKeyId = needed('AWS_ACCESS_KEY_ID');
  const secretAccessKey = needed('AWS_SECRET_ACCESS_KEY');
  const sessionToken = env.AWS_SESSION_TOKEN || undefined;
  return {region, keys: {accessKeyId, secretAccessKey, ...defined({sessionToken})}};
}

/** Header fields that belong to the WebSocket itself [RFC 6455, 4.1], or to the connection. */
const ownHeaders = /^(?:host|connection|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/i;

/**
 * 'Name: value'.
 * @param source what gives it, for messages, which show no value: it may be a secret
 * @throws UsageError
 */
export function parseHeader(given: string, source: string): Header {
  const [, name = '', value = ''] = /^([^:]*):[\t ]*(.*?)[\t ]*$/s.exec(given) ?? [];
  // A token [RFC 9110, 5.6.2], and what node:http sends as a value.
  if (!/^[!#$%&'*+.^_`|~\dA-Za-z-]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value))
    throw new UsageError(
      `Invalid header of ${source}: its form is 'Name: value', without control characters.`,
    );
  if (ownHeaders.test(name))
    throw new UsageError(`The header ${name} cannot be set by ${source}: it belongs to the WebSocket.`);
  return [name, value];
}

/** @throws UsageError for --header or --header-command without WebSockets, and for --pw-ttl without a command */
export function checkCredentialOptions(
  {header, headerCommand, passwordTtl, awsRegion}: Values<typeof credentialOptions>,
  endpoint: Endpoint,
  password: PasswordSource | undefined,
): void {
  if (passwordTtl !== undefined && password?.kind !== 'command')
    throw new UsageError('--pw-ttl needs --pw-command, whose password it keeps.');
  if (awsRegion !== undefined && endpoint.tls === undefined)
    throw new UsageError('--aws-sigv4 needs TLS: leave out --no-tls.');
  if (endpoint.transport === 'ws') return;
  if (header !== undefined) throw new UsageError('--header needs WebSockets: add --ws.');
  if (headerCommand !== undefined) throw new UsageError('--header-command needs WebSockets: add --ws.');
}

export interface AuthMethodContext {
  readonly protocolVersion: ProtocolVersion;
  readonly credentials: CredentialSource | undefined;
  readonly settings: readonly PropertySetting[] | undefined;
}

/** The method of --auth-method, if any. @throws UsageError where it cannot be used */
export function toAuthMethod(
  {authMethod}: Values<typeof credentialOptions>,
  {protocolVersion, credentials, settings}: AuthMethodContext,
): ScramMethod | undefined {
  if (authMethod === undefined) return undefined;
  if (protocolVersion < 5) {
    throw new UsageError('--auth-method is not supported before MQTT 5. Leave out -V, or say -V 5.');
  }
  if (credentials?.username === undefined || credentials.password === undefined) {
    throw new UsageError('--auth-method needs a user name (-u) and a password (-P).');
  }
  const {authenticationMethod, authenticationData} = propertiesFor(settings, 'connect', 5) ?? {};
  if (authenticationMethod === undefined && authenticationData === undefined) return authMethod;
  throw new UsageError(
    'Duplicate property in property list: authentication was asked for by --auth-method and by -D connect.',
  );
}
