/** The options about how a client proves who it is. */

import {choice, inGroup, type Values} from '../../../cli/option.ts';
import {UsageError} from '../../../errors.ts';
import {type ScramMethod, scramMethods} from '../../../password/scram-methods.ts';
import type {ProtocolVersion} from '../../../protocol/message.ts';
import {type PropertySetting, propertiesFor} from '../../../protocol/property-option.ts';
import type {CredentialSource} from './credentials.ts';

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
});

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
