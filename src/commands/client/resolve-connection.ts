/** From a connection as words describe it to one that can be made: what only the process knows is added. */

import type {ConnectionOptions, Endpoint} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import type {ConnectionPlan} from './client-options.ts';
import {awsSigningOf} from './credentials/credential-options.ts';
import {
  passphraseWords,
  resolveClientId,
  resolveCredentials,
  resolveSecret,
} from './credentials/credentials.ts';
import {withEnvironmentOfConnection} from './environment.ts';

/** Where OpenSSL's own variables say that the system's CA certificates are. */
function systemCertificatePlaces({SSL_CERT_FILE: file, SSL_CERT_DIR: directory}: Io['env']) {
  return defined({
    systemCertificateFile: file || undefined,
    systemCertificateDirectory: directory || undefined,
  });
}

/** In random order [Fisher and Yates]. */
function shuffled(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const left = [...endpoints];
  return endpoints.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}

/**
 * Adds to a plan what only the process knows: the password, the client id, how to ask for a passphrase.
 * @throws TmqError when a secret cannot be had, Interrupted at Ctrl-C
 */
export async function resolveConnection(plan: ConnectionPlan, io: Io): Promise<ConnectionOptions> {
  const {clientId, credentials, keyPassphrase = {kind: 'prompt'}, shufflesHosts, ...plain} = plan;
  const {passwordSeconds: _seconds, headerCommand: _command, awsRegion, ...rest} = plain;
  const {endpoint: first, alternatives = []} = rest;
  const passphrase = (signal: AbortSignal) =>
    resolveSecret(
      keyPassphrase,
      {...io, signal},
      passphraseWords(first.tls?.keyFile ?? first.tls?.certificateFile ?? ''),
    );
  const resolved = [first, ...alternatives].map((each) => {
    const endpoint = isDropIn(io) ? each : withEnvironmentOfConnection(each, io.env);
    return endpoint.tls === undefined
      ? endpoint
      : {...endpoint, tls: {...endpoint.tls, ...systemCertificatePlaces(io.env), passphrase}};
  });
  const [endpoint, ...others] = shufflesHosts ? shuffled(resolved) : resolved;
  return {
    ...rest,
    endpoint: endpoint!,
    alternatives: others,
    // mosquitto's clients take whatever comes.
    ...(io.programName.startsWith('mosquitto_') ? {holdsToReceiveMaximum: false} : {}),
    clientId: resolveClientId(clientId, io),
    ...(credentials === undefined ? {} : {credentials: await resolveCredentials(credentials, io)}),
    ...(awsRegion === undefined ? {} : {awsSigning: awsSigningOf(awsRegion, io.env)}),
    ...(await renewalOf(plan, io)),
  };
}

/** What each connection gets anew; nothing where no option asks for that. */
async function renewalOf(
  {credentials = {}, headers, headerCommand, passwordSeconds}: ConnectionPlan,
  io: Io,
): Promise<Pick<ConnectionOptions, 'renewal'>> {
  const {username, password} = credentials;
  const passwordCommand = password?.kind === 'command' ? password.command : undefined;
  if ((passwordCommand ?? headerCommand) === undefined) return {};
  const {commandRenewal} = await import('./credentials/renewal.ts');
  const plan = {username, passwordCommand, passwordSeconds, headers, headerCommand};
  return {renewal: commandRenewal(plan, io)};
}
