/** The manual's sections on delivery: what each QoS promises, what an acknowledgement means, what signals do. */

import type {ManualSection} from '../../cli/command.ts';

const otherSignals = '128 plus the number of the signal: 129 for SIGHUP, 131 for SIGQUIT, 142 for SIGALRM';

const again = 'A second signal ends tmq at once. Under nohup, SIGHUP is ignored.';

export const publishDelivery: ManualSection = {
  title: 'Delivery',
  text: [],
  remarks: {
    'QoS 0':
      'Sent once. Exit status 0 means that the operating system has taken the bytes. What was on its way when a connection was lost is lost too.',
    'QoS 1':
      'Exit status 0 means that the broker has acknowledged every message. With -l, tmq connects again after the connection was lost and sends the unacknowledged lines once more, so a line may arrive twice. Without -l it does not connect again: the status is 7, and the message may have arrived or not.',
    'QoS 2':
      'As with QoS 1, but as long as the broker keeps the session, each message arrives exactly once. With -l and MQTT 5 (-V 5), tmq keeps the session for the length of the run, and deletes it at the end. Before MQTT 5 it cannot do that without leaving a session behind: exactly once then needs -c and -i; otherwise a line that is sent again may arrive twice.',
    '-c': 'The broker keeps the session, but tmq keeps no messages: those that were unacknowledged when it ended are not sent by the next run.',
    'An acknowledgement':
      'The broker has taken the message. It does not promise that a subscriber gets the message, that there is a subscriber, or that the broker has written the message to its disk.',
    Signals: `SIGINT ends with 130, SIGTERM with 143, and other signals with ${otherSignals}. With -l, a line on standard error says how many of the lines read were not acknowledged. ${again}`,
  },
};

export const receiveDelivery: ManualSection = {
  title: 'Delivery',
  text: [
    'A message comes at the lower of two levels: the QoS it was published with, and that of the subscription (-q).',
  ],
  remarks: {
    'QoS 0': 'The broker sends the message once. While tmq is not connected, messages are lost.',
    'QoS 1':
      'tmq acknowledges a message after it was written to standard output. With -c, the broker sends unacknowledged messages again, so one may be printed twice.',
    'QoS 2':
      'With -c, tmq prints each message once, also when the connection is lost in between. Only if tmq ends before its acknowledgement has reached the broker, because it is killed or the connection is lost just then, the next run prints the message again.',
    'without -c':
      'The session ends with the connection. Messages that are published until tmq has connected and subscribed again are lost.',
    'with -c and -i':
      'The broker keeps the subscriptions and the messages of QoS 1 and 2, up to its own limits, and sends them when the same client id connects again. With MQTT 5, -x limits the time.',
    'An acknowledgement':
      'The operating system has taken the output. It does not promise that the program behind a pipe has used the message, or that a file is on the disk.',
    Signals: `SIGINT and SIGTERM end with 0, or with 130 and 143 before the broker has accepted the connection; other signals with ${otherSignals}. ${again}`,
    'Closed output': 'When the program that reads standard output ends, tmq ends with 0.',
  },
};
