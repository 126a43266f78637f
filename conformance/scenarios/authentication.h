/* Steps of SCRAM-SHA-256 (RFC 7677). A Server need not offer it: then what needs it is skipped. */
#ifndef MQSPEC_AUTHENTICATION_STEPS_H
#define MQSPEC_AUTHENTICATION_STEPS_H

#include "conformance/scenarios/shorthand.h"

#define SCRAM         "SCRAM-SHA-256"
#define NO_SCRAM      "the target does not take SCRAM-SHA-256"
#define METHOD(given) TEXT(MQTT_AUTHENTICATION_METHOD, given)
#define DATA(given)   TEXT(MQTT_AUTHENTICATION_DATA, given)

/* A connects and is asked for more. */
#define CHALLENGED(...)                                                                                                \
    SEND(A, CONNECT(PROPERTIES(METHOD(SCRAM), DATA(SCRAM_FIRST)), __VA_ARGS__)),                                       \
        EXPECT_NEXT(A, V5(4_12_0_2),                                                                                   \
                    AUTH(.reason = 0x18, PROPERTIES(METHOD(SCRAM), PRESENT(MQTT_AUTHENTICATION_DATA))),                \
                    CONNACK(.skip = NO_SCRAM), CLOSED(.skip = NO_SCRAM))

/* The Server ends an exchange before CONNACK: it may say why, and closes the connection. */
#define NOT_LET_IN(breaks)                                                                                             \
    EXPECT_NEXT(A, breaks, CLOSED(), CONNACK(.code = REFUSAL, .session_present = 0)), EXPECT_NEXT(A, breaks, CLOSED())

#endif
