/* Packets that each break one rule: which statement is named, at which byte, and whether the packet passes where
 * that statement is switched off. */
#ifndef MQSPEC_CODEC_TESTS_MALFORMED_PACKETS_H
#define MQSPEC_CODEC_TESTS_MALFORMED_PACKETS_H

#include "codec/tests/wire.h"

enum when_off { PASSES, REFUSED_STILL };

struct malformed_packet {
    const char *name;
    enum mqtt_version version; /* of the connection */
    enum mqtt_side sender;
    const char *wire; /* as wire_bytes() takes it */
    enum spec_statement statement;
    uint32_t offset;
    enum mqtt_error_class error_class;
    enum when_off when_off;
};

/* Who sends on which connection. */
#define FIRST      MQTT_VERSION_UNKNOWN, MQTT_CLIENT
#define CLIENT     MQTT_3_1_1, MQTT_CLIENT
#define SERVER     MQTT_3_1_1, MQTT_SERVER
#define OLD_CLIENT MQTT_3_1, MQTT_CLIENT
#define OLD_SERVER MQTT_3_1, MQTT_SERVER

/* clang-format off: one row a line */
static const struct malformed_packet malformed_packets[] = {
    /* ---- The Fixed Header, section 2.2 ---- */
    {"type 0", CLIENT, "00 00", V311(4_8_0_1), 0, MQTT_MALFORMED, REFUSED_STILL},
    {"type 0 from a Server", SERVER, "02 00", V311(4_8_0_1), 0, MQTT_MALFORMED, REFUSED_STILL},
    {"type 0 first", FIRST, "00 00", V311(4_8_0_1), 0, MQTT_MALFORMED, REFUSED_STILL},
    {"type 15", CLIENT, "f0 00", V311(4_8_0_1), 0, MQTT_MALFORMED, REFUSED_STILL},
    {"type 15 from a Server", OLD_SERVER, "f0 00", V311(4_8_0_1), 0, MQTT_MALFORMED, REFUSED_STILL},
    {"CONNACK from a Client", CLIENT, "20 02 00 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"SUBACK from a Client", CLIENT, "90 03 0001 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"UNSUBACK from a Client", OLD_CLIENT, "b0 02 0001", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"PINGRESP from a Client", FIRST, "d0 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"CONNECT from a Server", SERVER, "10 0c 0004'MQTT' 04 02 0000 0000", V311(4_8_0_1), 0, MQTT_PROTOCOL,
     REFUSED_STILL},
    {"SUBSCRIBE from a Server", SERVER, "82 06 0001 0001'a' 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"UNSUBSCRIBE from a Server", SERVER, "a2 05 0001 0001'a'", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"PINGREQ from a Server", OLD_SERVER, "c0 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"DISCONNECT from a Server", SERVER, "e0 00", V311(4_8_0_1), 0, MQTT_PROTOCOL, REFUSED_STILL},
    {"PINGREQ first", FIRST, "c0 00", V311(3_1_0_1), 0, MQTT_PROTOCOL, PASSES},
    {"PUBLISH first", FIRST, "30 03 0001'a'", V311(3_1_0_1), 0, MQTT_PROTOCOL, PASSES},
    {"DISCONNECT first", FIRST, "e0 00", V311(3_1_0_1), 0, MQTT_PROTOCOL, PASSES},
    {"fifth length byte", CLIENT, "30 80808080 01", V311(4_8_0_1), 4, MQTT_MALFORMED, REFUSED_STILL},
    {"fifth length byte, all bits", OLD_SERVER, "30 ffffffff 7f", V311(4_8_0_1), 4, MQTT_MALFORMED, REFUSED_STILL},
    {"flags of CONNECT", FIRST, "11 0c 0004'MQTT' 04 02 0000 0000", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of CONNACK", SERVER, "28 02 00 00", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of PUBACK", CLIENT, "42 02 0001", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of PUBREC", SERVER, "51 02 0001", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of PUBREL", CLIENT, "60 02 0001", V311(3_6_1_1), 0, MQTT_MALFORMED, PASSES},
    {"flags of PUBREL, one bit too many", SERVER, "6a 02 0001", V311(3_6_1_1), 0, MQTT_MALFORMED, PASSES},
    {"flags of PUBCOMP", CLIENT, "74 02 0001", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of SUBSCRIBE", CLIENT, "80 06 0001 0001'a' 00", V311(3_8_1_1), 0, MQTT_MALFORMED, PASSES},
    {"flags of SUBSCRIBE, one bit too many", CLIENT, "83 06 0001 0001'a' 00", V311(3_8_1_1), 0, MQTT_MALFORMED, PASSES},
    {"flags of SUBACK", SERVER, "92 03 0001 00", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of UNSUBSCRIBE", CLIENT, "a0 05 0001 0001'a'", V311(3_10_1_1), 0, MQTT_MALFORMED, PASSES},
    {"flags of UNSUBACK", SERVER, "b2 02 0001", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of PINGREQ", CLIENT, "c1 00", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of PINGRESP", SERVER, "d1 00", V311(2_2_2_2), 0, MQTT_MALFORMED, PASSES},
    {"flags of DISCONNECT", CLIENT, "e1 00", V311(3_14_1_1), 0, MQTT_MALFORMED, PASSES},
    {"QoS 3", CLIENT, "36 06 0001'a' 0001 00", V311(3_3_1_4), 0, MQTT_MALFORMED, PASSES},
    {"QoS 3 and DUP", SERVER, "3e 05 0001'a' 0001", V311(3_3_1_4), 0, MQTT_MALFORMED, PASSES},
    {"QoS 3 in 3.1", OLD_CLIENT, "36 05 0001'a' 0001", V311(3_3_1_4), 0, MQTT_MALFORMED, PASSES},
    {"DUP at QoS 0", CLIENT, "38 03 0001'a'", V311(3_3_1_2), 0, MQTT_PROTOCOL, PASSES},
    {"DUP at QoS 0, retained", SERVER, "39 03 0001'a'", V311(3_3_1_2), 0, MQTT_PROTOCOL, PASSES},

    /* ---- CONNECT, section 3.1 ---- */
    {"Connect Flags, bit 0", FIRST, "10 0c 0004'MQTT' 04 03 0000 0000", V311(3_1_2_3), 9, MQTT_MALFORMED, PASSES},
    {"Will QoS without Will", FIRST, "10 0c 0004'MQTT' 04 0a 0000 0000", V311(3_1_2_13), 9, MQTT_MALFORMED, PASSES},
    {"Will QoS 3 without Will", FIRST, "10 0c 0004'MQTT' 04 1a 0000 0000", V311(3_1_2_13), 9, MQTT_MALFORMED, PASSES},
    {"Will Retain without Will", FIRST, "10 0c 0004'MQTT' 04 22 0000 0000", V311(3_1_2_15), 9, MQTT_MALFORMED, PASSES},
    {"Will QoS 3", FIRST, "10 11 0004'MQTT' 04 1e 0000 0000 0001'w' 0000", V311(3_1_2_14), 9, MQTT_MALFORMED, PASSES},
    {"Will QoS 3 in 3.1", FIRST, "10 13 0006'MQIsdp' 03 1e 0000 0000 0001'w' 0000", V311(3_1_2_14), 11, MQTT_MALFORMED,
     PASSES},
    {"password without user name", FIRST, "10 0f 0004'MQTT' 04 42 0000 0000 0001'p'", V311(3_1_2_22), 9, MQTT_MALFORMED,
     PASSES},
    {"password without user name in 3.1", FIRST, "10 11 0006'MQIsdp' 03 42 0000 0000 0001'p'", V311(3_1_2_22), 11,
     MQTT_MALFORMED, PASSES},
    {"Client Identifier not UTF-8", FIRST, "10 0e 0004'MQTT' 04 02 0000 0002 c328", V311(3_1_3_4), 14, MQTT_MALFORMED,
     PASSES},
    {"Client Identifier with a surrogate", FIRST, "10 11 0004'MQTT' 04 02 0000 0005'ab' eda080", V311(3_1_3_4), 16,
     MQTT_MALFORMED, PASSES},
    {"Client Identifier not UTF-8 in 3.1", FIRST, "10 0f 0006'MQIsdp' 03 02 0000 0001 ff", V311(3_1_3_4), 16,
     MQTT_MALFORMED, PASSES},
    {"Client Identifier with U+0000", FIRST, "10 0f 0004'MQTT' 04 02 0000 0003'a' 00 'b'", V311(1_5_3_2), 15,
     MQTT_MALFORMED, PASSES},
    {"Will Topic not UTF-8", FIRST, "10 11 0004'MQTT' 04 06 0000 0000 0001 ff 0000", V311(3_1_3_10), 16, MQTT_MALFORMED,
     PASSES},
    {"Will Topic with U+0000", FIRST, "10 11 0004'MQTT' 04 06 0000 0000 0001 00 0000", V311(4_7_3_2), 16,
     MQTT_MALFORMED, PASSES},
    {"empty Will Topic", FIRST, "10 10 0004'MQTT' 04 06 0000 0000 0000 0000", V311(4_7_3_1), 16, MQTT_PROTOCOL, PASSES},
    {"Will Topic with #", FIRST, "10 13 0004'MQTT' 04 06 0000 0000 0003'a/#' 0000", V311(4_7_1_1), 18, MQTT_MALFORMED,
     PASSES},
    {"Will Topic with +", FIRST, "10 11 0004'MQTT' 04 06 0000 0000 0001'+' 0000", V311(4_7_1_1), 16, MQTT_MALFORMED,
     PASSES},
    {"user name not UTF-8", FIRST, "10 0f 0004'MQTT' 04 82 0000 0000 0001 80", V311(3_1_3_11), 16, MQTT_MALFORMED,
     PASSES},
    {"user name with U+0000", FIRST, "10 0f 0004'MQTT' 04 82 0000 0000 0001 00", V311(1_5_3_2), 16, MQTT_MALFORMED,
     PASSES},
    {"CONNECT of no bytes", FIRST, "10 00", V311(3_1_4_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"no protocol name", FIRST, "10 02 0004", V311(3_1_4_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"no Protocol Level", FIRST, "10 06 0004'MQTT'", V311(3_1_4_1), 8, MQTT_MALFORMED, REFUSED_STILL},
    {"no Connect Flags", FIRST, "10 07 0004'MQTT' 04", V311(3_1_4_1), 9, MQTT_MALFORMED, REFUSED_STILL},
    {"no Keep Alive", FIRST, "10 08 0004'MQTT' 04 02", V311(3_1_4_1), 10, MQTT_MALFORMED, REFUSED_STILL},
    {"half of Keep Alive", FIRST, "10 09 0004'MQTT' 04 02 00", V311(3_1_4_1), 10, MQTT_MALFORMED, REFUSED_STILL},
    {"no Client Identifier", FIRST, "10 0a 0004'MQTT' 04 02 0000", V311(3_1_3_3), 12, MQTT_MALFORMED, REFUSED_STILL},
    {"no Client Identifier in 3.1", FIRST, "10 0c 0006'MQIsdp' 03 02 0000", V311(3_1_3_3), 14, MQTT_MALFORMED,
     REFUSED_STILL},
    {"Client Identifier cut", FIRST, "10 0d 0004'MQTT' 04 02 0000 0003'a'", V311(3_1_3_3), 12, MQTT_MALFORMED,
     REFUSED_STILL},
    {"no Will Topic", FIRST, "10 0c 0004'MQTT' 04 06 0000 0000", V311(3_1_2_9), 14, MQTT_MALFORMED, REFUSED_STILL},
    {"no Will Topic in 3.1", FIRST, "10 0e 0006'MQIsdp' 03 06 0000 0000", V311(3_1_2_9), 16, MQTT_MALFORMED,
     REFUSED_STILL},
    {"no Will Message", FIRST, "10 0f 0004'MQTT' 04 06 0000 0000 0001'w'", V311(3_1_2_9), 17, MQTT_MALFORMED,
     REFUSED_STILL},
    {"Will Message cut", FIRST, "10 12 0004'MQTT' 04 06 0000 0000 0001'w' 0002'm'", V311(3_1_2_9), 17, MQTT_MALFORMED,
     REFUSED_STILL},
    {"no user name", FIRST, "10 0c 0004'MQTT' 04 82 0000 0000", V311(3_1_2_19), 14, MQTT_MALFORMED, REFUSED_STILL},
    {"half a length where the user name is", FIRST, "10 0d 0004'MQTT' 04 82 0000 0000 00", V311(3_1_2_19), 14,
     MQTT_MALFORMED, REFUSED_STILL},
    {"user name cut in 3.1", FIRST, "10 0f 0006'MQIsdp' 03 82 0000 0000 00", V311(3_1_2_19), 16, MQTT_MALFORMED,
     REFUSED_STILL},
    {"no password", FIRST, "10 0f 0004'MQTT' 04 c2 0000 0000 0001'u'", V311(3_1_2_21), 17, MQTT_MALFORMED,
     REFUSED_STILL},
    {"password cut in 3.1", FIRST, "10 13 0006'MQIsdp' 03 c2 0000 0000 0001'u' 0001", V311(3_1_2_21), 19,
     MQTT_MALFORMED, REFUSED_STILL},
    {"bytes where no user name is", FIRST, "10 0d 0004'MQTT' 04 02 0000 0000 00", V311(3_1_2_18), 14, MQTT_MALFORMED,
     PASSES},
    {"user name without its flag", FIRST, "10 0f 0004'MQTT' 04 02 0000 0000 0001'u'", V311(3_1_2_18), 14,
     MQTT_MALFORMED, PASSES},
    {"password without its flag", FIRST, "10 12 0004'MQTT' 04 82 0000 0000 0001'u' 0001'p'", V311(3_1_2_20), 17,
     MQTT_MALFORMED, PASSES},
    {"bytes behind the password", FIRST, "10 13 0004'MQTT' 04 c2 0000 0000 0001'u' 0001'p' 00", V311(3_1_4_1), 20,
     MQTT_MALFORMED, PASSES},

    /* ---- CONNACK, section 3.2 ---- */
    {"CONNACK of no bytes", SERVER, "20 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"CONNACK without return code", SERVER, "20 01 00", V311(4_8_0_1), 3, MQTT_MALFORMED, REFUSED_STILL},
    {"CONNACK too long", SERVER, "20 03 00 00 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"Connect Acknowledge Flags, bit 1", SERVER, "20 02 02 00", SPEC_NONE, 2, MQTT_MALFORMED, REFUSED_STILL},
    {"Connect Acknowledge Flags, bit 7", SERVER, "20 02 81 00", SPEC_NONE, 2, MQTT_MALFORMED, REFUSED_STILL},
    {"Session Present in a refusal", SERVER, "20 02 01 05", V311(3_2_2_4), 2, MQTT_PROTOCOL, PASSES},
    {"return code 6", SERVER, "20 02 00 06", V311(3_2_2_6), 3, MQTT_MALFORMED, PASSES},
    {"return code 255 in 3.1", OLD_SERVER, "20 02 01 ff", V311(3_2_2_6), 3, MQTT_MALFORMED, PASSES},

    /* ---- PUBLISH, section 3.3 ---- */
    {"PUBLISH of no bytes", CLIENT, "30 00", V311(3_3_2_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"half a length where the topic is", SERVER, "30 01 00", V311(3_3_2_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"topic cut", CLIENT, "30 04 0003'ab'", V311(3_3_2_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"topic longer than the packet", CLIENT, "30 04 ffff'ab'", V311(3_3_2_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"topic not UTF-8", CLIENT, "30 04 0002 c080", V311(3_3_2_1), 4, MQTT_MALFORMED, PASSES},
    {"topic not UTF-8 at its end", SERVER, "30 0e 000a 'abcdefghi' ff 0000", V311(3_3_2_1), 13, MQTT_MALFORMED, PASSES},
    {"topic not UTF-8 in 3.1", OLD_CLIENT, "30 05 0001 80 'ab'", V311(3_3_2_1), 4, MQTT_MALFORMED, PASSES},
    {"topic with U+0000", CLIENT, "30 03 0001 00", V311(4_7_3_2), 4, MQTT_MALFORMED, PASSES},
    {"topic with U+0000 behind eight bytes", SERVER, "30 0e 000b 'abcdefghi' 00 'j' 'x'", V311(4_7_3_2), 13,
     MQTT_MALFORMED, PASSES},
    {"empty topic", CLIENT, "30 03 0000 'x'", V311(4_7_3_1), 4, MQTT_PROTOCOL, PASSES},
    {"topic with +", CLIENT, "30 03 0001'+'", V311(3_3_2_2), 4, MQTT_MALFORMED, PASSES},
    {"topic with #", SERVER, "30 05 0003'a/#'", V311(3_3_2_2), 6, MQTT_MALFORMED, PASSES},
    {"topic with # among eight bytes", CLIENT, "30 0b 0009'abcde#ghi'", V311(3_3_2_2), 9, MQTT_MALFORMED, PASSES},
    {"topic with + behind eight bytes", CLIENT, "30 0c 000a'abcdefghi+'", V311(3_3_2_2), 13, MQTT_MALFORMED, PASSES},
    {"topic with two wildcards in 3.1", OLD_CLIENT, "30 05 0003'+/#'", V311(3_3_2_2), 4, MQTT_MALFORMED, PASSES},
    {"no Packet Identifier", CLIENT, "32 03 0001'a'", V311(2_3_1_1), 5, MQTT_MALFORMED, REFUSED_STILL},
    {"half a Packet Identifier", SERVER, "34 04 0001'a' 01", V311(2_3_1_1), 5, MQTT_MALFORMED, REFUSED_STILL},
    {"PUBLISH with Packet Identifier 0", CLIENT, "32 06 0001'a' 0000 'x'", V311(2_3_1_1), 5, MQTT_PROTOCOL, PASSES},

    /* ---- Acknowledgements, sections 3.4 to 3.7 and 3.11 ---- */
    {"PUBACK of no bytes", CLIENT, "40 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"PUBACK of one byte", SERVER, "40 01 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"PUBACK of three bytes", CLIENT, "40 03 0001 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"PUBREC of three bytes", CLIENT, "50 03 0001 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"PUBREL of three bytes", CLIENT, "62 03 0001 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"PUBCOMP of three bytes", CLIENT, "70 03 0001 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"UNSUBACK of three bytes", SERVER, "b0 03 0001 00", V311(4_8_0_1), 4, MQTT_MALFORMED, PASSES},
    {"PUBACK with Packet Identifier 0", CLIENT, "40 02 0000", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"PUBREC with Packet Identifier 0", SERVER, "50 02 0000", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"PUBREL with Packet Identifier 0", CLIENT, "62 02 0000", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"PUBCOMP with Packet Identifier 0", OLD_SERVER, "70 02 0000", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"UNSUBACK with Packet Identifier 0", SERVER, "b0 02 0000", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},

    /* ---- SUBSCRIBE and UNSUBSCRIBE, sections 3.8 and 3.10 ---- */
    {"SUBSCRIBE of no bytes", CLIENT, "82 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"SUBSCRIBE without filter", CLIENT, "82 02 0001", V311(3_8_3_3), 4, MQTT_PROTOCOL, PASSES},
    {"SUBSCRIBE with Packet Identifier 0", CLIENT, "82 06 0000 0001'a' 00", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"SUBSCRIBE, filter cut", CLIENT, "82 05 0001 0002'a'", V311(4_8_0_1), 4, MQTT_MALFORMED, REFUSED_STILL},
    {"SUBSCRIBE, no QoS", CLIENT, "82 05 0001 0001'a'", V311(4_8_0_1), 7, MQTT_MALFORMED, REFUSED_STILL},
    {"SUBSCRIBE, second filter cut", CLIENT, "82 07 0001 0001'a' 00 00", V311(4_8_0_1), 8, MQTT_MALFORMED,
     REFUSED_STILL},
    {"requested QoS 3", CLIENT, "82 06 0001 0001'a' 03", V311(3_8_3_4), 7, MQTT_MALFORMED, PASSES},
    {"requested QoS 4", CLIENT, "82 06 0001 0001'a' 04", V311(3_8_3_4), 7, MQTT_MALFORMED, PASSES},
    {"requested QoS with the highest bit", CLIENT, "82 06 0001 0001'a' 81", V311(3_8_3_4), 7, MQTT_MALFORMED, PASSES},
    {"requested QoS 3 in 3.1", OLD_CLIENT, "82 06 0001 0001'a' 03", V311(3_8_3_4), 7, MQTT_MALFORMED, PASSES},
    {"requested QoS of the second filter", CLIENT, "82 0a 0001 0001'a' 02 0001'b' 03", V311(3_8_3_4), 11,
     MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, filter not UTF-8", CLIENT, "82 07 0001 0002'a' ff 00", V311(3_8_3_1), 7, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, filter with U+0000", CLIENT, "82 06 0001 0001 00 00", V311(4_7_3_2), 6, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, empty filter", CLIENT, "82 05 0001 0000 00", V311(4_7_3_1), 6, MQTT_PROTOCOL, PASSES},
    {"SUBSCRIBE, a#", CLIENT, "82 07 0001 0002'a#' 00", V311(4_7_1_2), 7, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, #/a", CLIENT, "82 08 0001 0003'#/a' 00", V311(4_7_1_2), 6, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, a/#/ in 3.1", OLD_CLIENT, "82 09 0001 0004'a/#/' 00", V311(4_7_1_2), 8, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, ##", CLIENT, "82 07 0001 0002'##' 00", V311(4_7_1_2), 6, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, a+", CLIENT, "82 07 0001 0002'a+' 00", V311(4_7_1_3), 7, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, +a", CLIENT, "82 07 0001 0002'+a' 00", V311(4_7_1_3), 6, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, a/b+/c", CLIENT, "82 0b 0001 0006'a/b+/c' 00", V311(4_7_1_3), 9, MQTT_MALFORMED, PASSES},
    {"SUBSCRIBE, ++ as second filter", CLIENT, "82 0b 0001 0001'+' 00 0002'++' 00", V311(4_7_1_3), 10, MQTT_MALFORMED,
     PASSES},
    {"UNSUBSCRIBE of no bytes", CLIENT, "a2 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"UNSUBSCRIBE without filter", CLIENT, "a2 02 0001", V311(3_10_3_2), 4, MQTT_PROTOCOL, PASSES},
    {"UNSUBSCRIBE with Packet Identifier 0", CLIENT, "a2 05 0000 0001'a'", V311(2_3_1_1), 2, MQTT_PROTOCOL, PASSES},
    {"UNSUBSCRIBE, filter cut", CLIENT, "a2 05 0001 0002'a'", V311(4_8_0_1), 4, MQTT_MALFORMED, REFUSED_STILL},
    {"UNSUBSCRIBE, filter not UTF-8", CLIENT, "a2 05 0001 0001 ff", V311(3_10_3_1), 6, MQTT_MALFORMED, PASSES},
    {"UNSUBSCRIBE, filter with U+0000", CLIENT, "a2 07 0001 0003'a' 00'b'", V311(4_7_3_2), 7, MQTT_MALFORMED, PASSES},
    {"UNSUBSCRIBE, empty filter", CLIENT, "a2 04 0001 0000", V311(4_7_3_1), 6, MQTT_PROTOCOL, PASSES},
    {"UNSUBSCRIBE, a/#b", CLIENT, "a2 08 0001 0004'a/#b'", V311(4_7_1_2), 8, MQTT_MALFORMED, PASSES},
    {"UNSUBSCRIBE, a/+b", CLIENT, "a2 08 0001 0004'a/+b'", V311(4_7_1_3), 8, MQTT_MALFORMED, PASSES},

    /* ---- SUBACK, section 3.9 ---- */
    {"SUBACK of one byte", SERVER, "90 01 00", V311(4_8_0_1), 2, MQTT_MALFORMED, REFUSED_STILL},
    {"SUBACK without return code", SERVER, "90 02 0001", V311(3_8_4_5), 4, MQTT_MALFORMED, REFUSED_STILL},
    {"SUBACK with return code 3", SERVER, "90 03 0001 03", V311(3_9_3_2), 4, MQTT_MALFORMED, PASSES},
    {"SUBACK with return code 0x81", SERVER, "90 05 0001 008081", V311(3_9_3_2), 6, MQTT_MALFORMED, PASSES},
    {"SUBACK with return code 0x80 in 3.1", OLD_SERVER, "90 03 0001 80", V311(3_9_3_2), 4, MQTT_MALFORMED, PASSES},
    {"SUBACK with Packet Identifier 0", SERVER, "90 03 0000 00", V311(2_3_1_7), 2, MQTT_PROTOCOL, PASSES},

    /* ---- PINGREQ, PINGRESP, DISCONNECT, sections 3.12 to 3.14 ---- */
    {"PINGREQ with a body", CLIENT, "c0 01 00", V311(4_8_0_1), 2, MQTT_MALFORMED, PASSES},
    {"PINGRESP with a body", SERVER, "d0 01 00", V311(4_8_0_1), 2, MQTT_MALFORMED, PASSES},
    {"DISCONNECT with a body", CLIENT, "e0 02 0000", V311(4_8_0_1), 2, MQTT_MALFORMED, PASSES},
};
/* clang-format on */

#endif
