/** The manual's section on the line of --ready json. */

import type {ManualSection} from '../../cli/command.ts';

export const readySection: ManualSection = {
  title: 'The ready line',
  text: [
    'What --ready json prints, and --ready-file writes: one object on one line. What does not apply is left out. Its keys:',
  ],
  remarks: {
    event: '"ready".',
    pid: 'The process id of the broker.',
    'url, host, port':
      'The address for a client that needs one: that of the first listener for MQTT over TCP; where there is none, over TLS, WebSockets, WebSockets with TLS, or a Unix socket, which has only a URL.',
    listeners:
      'A list with an object for each listener: protocol, which is the scheme of its URL, url, host, port, and path for a Unix socket.',
    certificates:
      'With --tls auto, the paths of the files that it has made: directory, caFile, certFile and keyFile of the broker, clientCertFile and clientKeyFile.',
    web: 'With --web, the URL of the page, with its token. The file of --ready-file is then for its owner only.',
  },
};
