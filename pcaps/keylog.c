#include "pcaps/keylog.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    /* The longest label, the two values, and blanks. */
    LINE_CAPACITY = 512,
    TLS_1_3_SHORT = 32, /* bytes of a secret with SHA-256; with SHA-384 it is KEYLOG_SECRET_SIZE */
};

struct secret {
    uint8_t client_random[KEYLOG_RANDOM_SIZE];
    uint8_t bytes[KEYLOG_SECRET_SIZE];
    uint8_t length;
    uint8_t label;
    uint32_t next; /* in its bucket, the one before it in the file; NOBODY: none */
};

#define NOBODY UINT32_MAX

struct keylog {
    struct secret *secrets; /* in the order of the file */
    uint32_t *buckets;      /* as many as there is room for secrets: the last of each */
    size_t count;
    size_t capacity; /* a power of two, or 0 */
    FILE *file;      /* that is followed; or NULL */
    long read;       /* bytes of it, up to the last whole line */
    long size;       /* that it had then */
};

static const char *const labels[KEYLOG_LABEL_COUNT] = {
    [KEYLOG_MASTER_SECRET] = "CLIENT_RANDOM",
    [KEYLOG_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
    [KEYLOG_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    [KEYLOG_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    [KEYLOG_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
    [KEYLOG_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
};

/* ---- One line ----------------------------------------------------------------------------------------------- */

struct line {
    char text[LINE_CAPACITY]; /* as much as has room */
    bool is_long;             /* there is more */
    bool has_end;
    uint32_t number;
};

/* False at the end of the file. */
static bool next_line(FILE *file, struct line *line) {
    size_t length = 0;
    int character;
    line->is_long = line->has_end = false;
    line->number++;
    while ((character = getc(file)) != EOF && character != '\n') {
        line->is_long |= length == sizeof line->text - 1;
        if (!line->is_long)
            line->text[length++] = (char)character;
    }
    line->has_end = character == '\n';
    if (length > 0 && line->text[length - 1] == '\r')
        length--;
    line->text[length] = '\0';
    return line->has_end || length > 0;
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t");
}

static int digit(char character) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = character != '\0' ? strchr(digits, character) : NULL;
    return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* Reads digits up to a blank or the end. The number of bytes; 0 where it is no such value, or one of more than
 * `capacity` bytes. */
static size_t read_hex(const char **at, uint8_t *bytes, size_t capacity) {
    size_t length = 0;
    const char *text = skip_blanks(*at);
    for (; digit(text[0]) >= 0 && digit(text[1]) >= 0; text += 2) {
        if (length == capacity)
            return 0;
        bytes[length++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
    }
    *at = text;
    return *text == '\0' || *text == ' ' || *text == '\t' ? length : 0;
}

/* What is wrong with what stands behind the label; NULL: nothing. */
static const char *read_values(const char *at, struct secret *secret) {
    if (read_hex(&at, secret->client_random, KEYLOG_RANDOM_SIZE) != KEYLOG_RANDOM_SIZE)
        return "64 hexadecimal digits belong behind the label";
    secret->length = (uint8_t)read_hex(&at, secret->bytes, KEYLOG_SECRET_SIZE);
    bool may_be_short = secret->label != KEYLOG_MASTER_SECRET;
    if (secret->length != KEYLOG_SECRET_SIZE && !(may_be_short && secret->length == TLS_1_3_SHORT))
        return may_be_short ? "64 or 96 hexadecimal digits belong at its end"
                            : "96 hexadecimal digits belong at its end";
    return *skip_blanks(at) == '\0' ? NULL : "there is more behind the secret";
}

/* The label that the line begins with; KEYLOG_LABEL_COUNT: none that is wanted. */
static enum keylog_label label_of(const char *text) {
    size_t length = strcspn(text, " \t");
    size_t label = 0;
    while (label < KEYLOG_LABEL_COUNT && (strlen(labels[label]) != length || memcmp(labels[label], text, length) != 0))
        label++;
    return (enum keylog_label)label;
}

/* ---- The file ------------------------------------------------------------------------------------------------- */

/* A Random is random enough. */
static uint32_t *bucket_of(const struct keylog *keylog, const uint8_t *client_random) {
    uint32_t hash;
    memcpy(&hash, client_random, sizeof hash);
    return &keylog->buckets[hash & (keylog->capacity - 1)];
}

static void put_in_bucket(struct keylog *keylog, uint32_t index) {
    struct secret *secret = &keylog->secrets[index];
    uint32_t *bucket = bucket_of(keylog, secret->client_random);
    secret->next = *bucket;
    *bucket = index;
}

static bool grow(struct keylog *keylog) {
    size_t capacity = keylog->capacity == 0 ? 64 : keylog->capacity * 2;
    struct secret *secrets = realloc(keylog->secrets, capacity * sizeof *secrets);
    if (secrets == NULL)
        return false;
    keylog->secrets = secrets;
    uint32_t *buckets = realloc(keylog->buckets, capacity * sizeof *buckets);
    if (buckets == NULL)
        return false;
    keylog->buckets = buckets;
    keylog->capacity = capacity;
    memset(buckets, 0xFF, capacity * sizeof *buckets);
    for (uint32_t i = 0; i < keylog->count; i++)
        put_in_bucket(keylog, i);
    return true;
}

static bool add_secret(struct keylog *keylog, const struct secret *secret) {
    if (keylog->count == keylog->capacity && !grow(keylog))
        return false;
    keylog->secrets[keylog->count] = *secret;
    put_in_bucket(keylog, (uint32_t)keylog->count++);
    return true;
}

struct reading {
    struct keylog *keylog;
    const char *name;
    size_t others; /* lines that are none of a key log that we know */
    long whole;    /* bytes up to the last line that has its end */
    char *reason;
    size_t reason_size;
};

static bool take_line(struct reading *reading, const struct line *line) {
    const char *text = skip_blanks(line->text);
    struct secret secret = {.label = (uint8_t)label_of(text)};
    if (*text == '\0' || *text == '#')
        return true;
    if (secret.label == KEYLOG_LABEL_COUNT) {
        reading->others++;
        return true;
    }
    const char *wrong = line->is_long ? "it is too long" : read_values(text + strlen(labels[secret.label]), &secret);
    if (wrong != NULL) {
        if (!line->has_end)
            return true;
        snprintf(reading->reason, reading->reason_size,
                 "line %u of the key log %s is not as SSLKEYLOGFILE makes it: %s; mend it or leave it out",
                 (unsigned)line->number, reading->name, wrong);
        return false;
    }
    if (reading->keylog->count == KEYLOG_MAXIMUM) {
        snprintf(reading->reason, reading->reason_size,
                 "the key log %s has more than %d secrets; leave only lines of connections that are in the capture",
                 reading->name, KEYLOG_MAXIMUM);
        return false;
    }
    if (!add_secret(reading->keylog, &secret)) {
        snprintf(reading->reason, reading->reason_size, "no memory for the key log %s", reading->name);
        return false;
    }
    return true;
}

static bool check_end(const struct reading *reading, FILE *file) {
    if (ferror(file)) {
        snprintf(reading->reason, reading->reason_size, "the key log %s cannot be read: %s", reading->name,
                 strerror(errno));
        return false;
    }
    if (reading->keylog->count == 0 && reading->others > 0) {
        snprintf(reading->reason, reading->reason_size,
                 "%s holds no secrets of TLS 1.2 or 1.3; give the file that a program wrote which was run with "
                 "SSLKEYLOGFILE",
                 reading->name);
        return false;
    }
    return true;
}

static bool read_lines(struct reading *reading, FILE *file) {
    struct line line = {.number = 0};
    while (line.number < UINT32_MAX && next_line(file, &line)) {
        if (!take_line(reading, &line))
            return false;
        if (line.has_end)
            reading->whole = ftell(file);
    }
    return check_end(reading, file);
}

/* The file was read to its end, and whole lines up to there. */
static void note_read(struct keylog *keylog, FILE *file, long whole) {
    keylog->read = whole;
    keylog->size = ftell(file);
}

struct keylog *keylog_read(FILE *file, const char *name, char *reason, size_t reason_size) {
    struct keylog *keylog = calloc(1, sizeof *keylog);
    struct reading reading = {.keylog = keylog, .name = name, .reason = reason, .reason_size = reason_size};
    if (keylog == NULL) {
        snprintf(reason, reason_size, "no memory for the key log %s", name);
        return NULL;
    }
    if (!read_lines(&reading, file)) {
        keylog_free(keylog);
        return NULL;
    }
    note_read(keylog, file, reading.whole);
    return keylog;
}

struct keylog *keylog_open(const char *path, char *reason, size_t reason_size) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(reason, reason_size, "the key log %s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    struct keylog *keylog = keylog_read(file, path, reason, reason_size);
    if (keylog == NULL)
        fclose(file);
    else
        keylog->file = file;
    return keylog;
}

bool keylog_refresh(struct keylog *keylog) {
    struct stat status;
    char reason[1]; /* nobody is told */
    size_t before = keylog->count;
    struct reading reading = {.keylog = keylog, .name = "", .reason = reason, .reason_size = sizeof reason};
    FILE *file = keylog->file;
    if (file == NULL || fstat(fileno(file), &status) != 0 || status.st_size <= keylog->size)
        return false;
    /* A last line that was not whole is read again. */
    reading.whole = keylog->read;
    if (fseek(file, keylog->read, SEEK_SET) != 0)
        return false;
    struct line line = {.number = 0};
    while (keylog->count < KEYLOG_MAXIMUM && next_line(file, &line)) {
        (void)take_line(&reading, &line);
        if (line.has_end)
            reading.whole = ftell(file);
    }
    note_read(keylog, file, reading.whole);
    return keylog->count > before;
}

struct mqtt_bytes keylog_find(const struct keylog *keylog, const uint8_t *client_random, enum keylog_label label) {
    uint32_t at = keylog->count > 0 ? *bucket_of(keylog, client_random) : NOBODY;
    for (; at != NOBODY; at = keylog->secrets[at].next) {
        const struct secret *secret = &keylog->secrets[at];
        if (secret->label == label && memcmp(secret->client_random, client_random, KEYLOG_RANDOM_SIZE) == 0)
            return (struct mqtt_bytes){secret->bytes, secret->length};
    }
    return (struct mqtt_bytes){NULL, 0};
}

void keylog_free(struct keylog *keylog) {
    if (keylog == NULL)
        return;
    if (keylog->secrets != NULL)
        OPENSSL_cleanse(keylog->secrets, keylog->count * sizeof *keylog->secrets);
    if (keylog->file != NULL)
        fclose(keylog->file);
    free(keylog->secrets);
    free(keylog->buckets);
    free(keylog);
}
