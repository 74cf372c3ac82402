/** From a connection as words describe it to one that can be made: what only the process knows is added. */

import type {ConnectionOptions} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import type {Io} from '../../io/process.ts';
import type {ConnectionPlan} from './client-options.ts';
import {passphraseWords, resolveClientId, resolveCredentials, resolveSecret} from './credentials.ts';

/** Where OpenSSL's own variables say that the system's CA certificates are. */
function systemCertificatePlaces({SSL_CERT_FILE: file, SSL_CERT_DIR: directory}: Io['env']) {
  return defined({
    systemCertificateFile: file || undefined,
    systemCertificateDirectory: directory || undefined,
  });
}

/**
 * Adds to a plan what only the process knows: the password, the client id, how to ask for a passphrase.
 * @throws TmqError when a secret cannot be had, Interrupted at Ctrl-C
 */
export async function resolveConnection(plan: ConnectionPlan, io: Io): Promise<ConnectionOptions> {
  const {clientId, credentials, keyPassphrase = {kind: 'prompt'}, endpoint, ...rest} = plan;
  const passphrase = (signal: AbortSignal) =>
    resolveSecret(
      keyPassphrase,
      {...io, signal},
      passphraseWords(endpoint.tls?.keyFile ?? endpoint.tls?.certificateFile ?? ''),
    );
  return {
    ...rest,
    endpoint:
      endpoint.tls === undefined
        ? endpoint
        : {...endpoint, tls: {...endpoint.tls, ...systemCertificatePlaces(io.env), passphrase}},
    clientId: resolveClientId(clientId, io),
    ...(credentials === undefined ? {} : {credentials: await resolveCredentials(credentials, io)}),
  };
}
