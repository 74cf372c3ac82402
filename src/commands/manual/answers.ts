/** The manual's section on `reply`: which messages are requests, and what becomes of them. */

import type {ManualSection} from '../../cli/command.ts';

export const answersSection: ManualSection = {
  title: 'Requests and answers',
  text: [
    'A request is a message of MQTT 5 that names a response topic. Other messages are acknowledged and not answered; the first one is reported on standard error. Retained messages are not asked for.',
    'Several responders that share the requests of a topic, each with its own client id, on one machine or on several:',
  ],
  remarks: {
    'The answer':
      'It goes to the response topic, with the correlation data of the request, and with the properties of -D publish. It is not retained. Its QoS is that of -q, or without -q that of the request; -q is also the QoS of the subscription, which is 2 without it.',
    'An acknowledgement':
      'tmq acknowledges a request of QoS 1 or 2 when the broker has the answer. If tmq is killed before, and the broker keeps the session (-c, -i), the request comes again at the next start, and a requester that has the answer already gets it twice: tmq rr passes over the second one.',
    'A command that fails':
      'A status other than 0 is reported in a line on standard error, and there is no answer, because a requester could not tell it from a good one: it waits until its own time limit is over (tmq rr -W). The request is acknowledged, and the next one is taken. To tell the requester what is wrong, let the command print that, and end with 0. At the end, the status of tmq is that of the first command that failed. A command that does not exist ends tmq with 127.',
    'An answer that the broker refuses':
      'It is reported like a command that fails. The requester chooses the response topic: where not all requesters are trusted, let the permissions of the broker (an ACL file) say which topics this client may publish to.',
    Signals:
      'SIGINT, SIGTERM and a time limit (-W) let the answers that are being made go out, and begin no other one. A second signal ends the commands with SIGTERM, after five seconds with SIGKILL, and tmq with 130 or 143. The requests of those commands are not acknowledged.',
  },
  literal: [
    "tmq reply -i sum-1 -t '$share/calc/sum' -N --exec -- ./sum.sh",
    "tmq reply -i sum-2 -t '$share/calc/sum' -N --exec -- ./sum.sh",
  ],
};
