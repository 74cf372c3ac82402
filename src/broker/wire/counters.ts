/** What the broker has counted since its start, for $SYS. */
export class Counters {
  bytesReceived = 0;
  bytesSent = 0;
  /** Packets of any kind. */
  messagesReceived = 0;
  messagesSent = 0;
  publishReceived = 0;
  publishSent = 0;
  /** Payload bytes of PUBLISH. */
  publishBytesReceived = 0;
  publishBytesSent = 0;
  publishDropped = 0;
  /** Streams accepted. */
  sockets = 0;
  /** CONNECT packets accepted. */
  connections = 0;
  clientsExpired = 0;
  clientsMaximum = 0;
}
