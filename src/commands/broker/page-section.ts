/** The manual's section on the page of --web. */

import type {ManualSection} from '../../cli/command.ts';

export const pageSection: ManualSection = {
  title: 'The page',
  text: [
    'With --web, the broker serves a page on 127.0.0.1 that shows what happens in it: the topics as a tree, with counts, last values and marks for retained messages; the messages as they come, with a topic filter, a search and a pause; payloads as text, JSON or hexadecimal digits; the connected clients with their subscriptions and wills. It publishes messages with their properties, clears retained ones, disconnects clients, and switches faults on and off. All of it can be used by keyboard.',
    'The address of the page has a random token in it, without which the broker answers nothing: keep it to yourself. The token is not logged. Requests of other web pages are refused, too. TMQ_WEB_TOKEN sets the token, so that an open page finds the broker again after a restart.',
    'Where the broker has users, the page asks for one, and may do what that user may: those of the first listener whose users have no certificates. Name and password stay in the memory of the page.',
    'The page is a client of the broker, whose packets are in the trace, too. It subscribes to # at QoS 0: no message waits for its acknowledgement, and it does not see with which QoS a message was published. A page that cannot keep up is a slow subscriber like any other. No fault applies to it. It keeps the last 5000 messages or 32 MiB, and 20,000 levels of topics. While the broker has a page, it looks for faults in each packet, which takes time.',
  ],
  remarks: {
    'GET api/clients':
      'The connected clients, as JSON. The path begins behind the token, as those that follow do.',
    'GET api/faults, PUT api/faults':
      'The faults: {"faults": [{"rule": "drop puback p=0.1", "isOn": true}]}. A rule that is not valid is answered with status 422 and a sentence in problem.',
    'POST api/disconnect': 'Disconnects a client: {"clientId": "sensor"}.',
    'GET api/broker': 'The addresses for clients.',
    mqtt: 'MQTT over WebSockets.',
    Authorization: 'The user of these requests, where the broker has users, by the scheme Basic.',
  },
};
