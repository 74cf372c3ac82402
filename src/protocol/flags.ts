/** The bits of the bytes that hold flags: of PUBLISH, of CONNECT and of the subscription options. */

/** In the first byte of PUBLISH [MQTT 5, 3.3.1], beside the QoS in the bits between them. */
export const PublishFlag = {duplicate: 0b1000, retain: 0b0001} as const;

/** In the connect flags [MQTT 5, 3.1.2.3]. The QoS of the will, from `willQosShift` on, has two bits. */
export const ConnectFlag = {
  reserved: 0x01,
  clean: 0x02,
  will: 0x04,
  willRetain: 0x20,
  password: 0x40,
  userName: 0x80,
} as const;
export const willQosShift = 3;

/** In the subscription options [MQTT 5, 3.8.3.1]; retain handling has two bits, from `retainHandlingShift` on. */
export const SubscriptionOption = {
  qos: 0x03,
  noLocal: 0x04,
  retainAsPublished: 0x08,
  retainHandling: 0x30,
  reserved: 0xc0,
} as const;
export const retainHandlingShift = 4;
