/* What the decoding functions share. */
#ifndef MQSPEC_CODEC_DECODE_H
#define MQSPEC_CODEC_DECODE_H

#include "codec/codec.h"

/* Fills *error and returns MQTT_REFUSED, so that a check reads "if (wrong && MUST(...)) return refuse(...)". */
enum mqtt_status mqtt_refuse(struct mqtt_error *error, enum mqtt_error_class error_class, enum mqtt_reason reason,
                             enum spec_statement statement, uint32_t offset, const char *what);

#endif
