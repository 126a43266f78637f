#include "reference/store_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA_FILE "data.mdb"
#define LOCK_FILE "mqspec.lock"
#define FREE_LIST ((MDB_dbi)0) /* LMDB's own database of the pages that may be used again */

/* The lock file keeps other processes out, so LMDB's own lock, which lets several in, is not needed. */
#define OPEN_FLAGS ((unsigned)MDB_NOLOCK)

struct lmdb_store {
    MDB_env *environment;
    MDB_dbi database;
    MDB_txn *changes; /* since the last commit; NULL: none */
    int failed;       /* what LMDB or the system said when a change or commit failed; 0: nothing did */
    int lock;         /* the descriptor of the lock file */
    char *directory;
    char error[STORE_LONGEST_ERROR];
};

/* ---- Words ----------------------------------------------------------------------------------------------------- */

/* What the operator can do about it. */
static const char *remedy(int code) {
    switch (code) {
    case MDB_MAP_FULL:
        return "it has reached the size that --store-size allows; start the broker again with a larger one";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return "make room and start the broker again";
    case EIO:
        return "the disk is full or broken; see to that and start the broker again";
    case ENOMEM:
        return "there is not so much address space; a smaller --store-size needs less";
    case EACCES:
    case EPERM:
    case EROFS:
        return "let this user write there, or name another place";
    case MDB_INVALID:
        return "it is no LMDB file, or damaged; move it away, or name another place";
    case MDB_VERSION_MISMATCH:
        return "another version of LMDB wrote it; use that one, or name another place";
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return "it is damaged; move it away to start without it, or put a copy from before the damage in its place";
    default:
        return "see to that and start the broker again, or name another place";
    }
}

static void describe(char error[STORE_LONGEST_ERROR], const char *what, const char *directory, const char *name,
                     int code) {
    snprintf(error, STORE_LONGEST_ERROR, "cannot %s %s/%s: %s; %s", what, directory, name, mdb_strerror(code),
             remedy(code));
}

/* ---- Changes --------------------------------------------------------------------------------------------------- */

static bool is_changing(struct lmdb_store *store) {
    if (store->failed == 0 && store->changes == NULL)
        store->failed = mdb_txn_begin(store->environment, NULL, 0, &store->changes);
    return store->failed == 0;
}

static void put(void *context, struct mqtt_bytes key, const struct mqtt_bytes *parts, size_t count) {
    struct lmdb_store *store = context;
    if (!is_changing(store))
        return;
    MDB_val stored_key = {key.length, (void *)key.data};
    MDB_val value = {0, NULL};
    for (size_t i = 0; i < count; i++)
        value.mv_size += parts[i].length;
    store->failed = mdb_put(store->changes, store->database, &stored_key, &value, MDB_RESERVE);
    if (store->failed != 0)
        return;
    uint8_t *to = value.mv_data;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, parts[i].data, parts[i].length);
        to += parts[i].length;
    }
}

static void remove_record(void *context, struct mqtt_bytes key) {
    struct lmdb_store *store = context;
    if (!is_changing(store))
        return;
    MDB_val stored_key = {key.length, (void *)key.data};
    int code = mdb_del(store->changes, store->database, &stored_key, NULL);
    if (code != MDB_NOTFOUND)
        store->failed = code;
}

static bool commit(void *context) {
    struct lmdb_store *store = context;
    if (store->changes == NULL)
        return store->failed == 0;
    MDB_txn *changes = store->changes;
    store->changes = NULL;
    if (store->failed == 0)
        store->failed = mdb_txn_commit(changes);
    else
        mdb_txn_abort(changes);
    return store->failed == 0;
}

static const char *error(void *context) {
    struct lmdb_store *store = context;
    describe(store->error, store->failed == 0 ? "read" : "write", store->directory, DATA_FILE,
             store->failed == 0 ? MDB_CORRUPTED : store->failed);
    return store->error;
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

static bool begins_with(const MDB_val *key, struct mqtt_bytes prefix) {
    return key->mv_size >= prefix.length &&
           (prefix.length == 0 || memcmp(key->mv_data, prefix.data, prefix.length) == 0);
}

/* 0 or what LMDB said. */
static int walk_records(MDB_cursor *cursor, struct mqtt_bytes prefix, store_visitor *visit, void *visitor_context) {
    MDB_val key = {prefix.length, (void *)prefix.data}, value;
    int code = mdb_cursor_get(cursor, &key, &value, prefix.length > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (code == 0 && begins_with(&key, prefix)) {
        if (value.mv_size > UINT32_MAX)
            return MDB_CORRUPTED;
        struct mqtt_bytes record_key = {key.mv_data, (uint32_t)key.mv_size};
        struct mqtt_bytes record_value = {value.mv_data, (uint32_t)value.mv_size};
        if (!visit(visitor_context, record_key, record_value))
            return 0;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static bool walk(void *context, struct mqtt_bytes prefix, store_visitor *visit, void *visitor_context) {
    struct lmdb_store *store = context;
    MDB_txn *reading;
    MDB_cursor *cursor;
    int code = mdb_txn_begin(store->environment, NULL, MDB_RDONLY, &reading);
    if (code != 0)
        return false;
    code = mdb_cursor_open(reading, store->database, &cursor);
    if (code == 0) {
        code = walk_records(cursor, prefix, visit, visitor_context);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(reading);
    return code == 0;
}

/* ---- Looking for damage ---------------------------------------------------------------------------------------- */

/* LMDB trusts its pages: a damaged one can make it read where nothing is, which ends the process. So a process of its
 * own looks at them all first, and how that ends tells. */

static uint8_t read_bytes(const MDB_val *bytes) {
    const volatile uint8_t *data = bytes->mv_data;
    uint8_t sum = 0;
    for (size_t i = 0; i < bytes->mv_size; i++)
        sum ^= data[i];
    return sum;
}

/* A list is its length and as many page numbers, the highest first. */
static bool is_free_list(const MDB_val *value, size_t last_page) {
    const size_t *list = value->mv_data;
    if (value->mv_size < sizeof *list || list[0] > value->mv_size / sizeof *list - 1)
        return false;
    for (size_t i = 1; i <= list[0]; i++)
        if (list[i] < 2 || list[i] > last_page || (i > 1 && list[i] >= list[i - 1]))
            return false;
    return true;
}

static bool is_readable(MDB_env *environment, MDB_txn *reading, MDB_dbi database) {
    MDB_envinfo information;
    MDB_stat statistics;
    MDB_cursor *cursor;
    MDB_val key, value;
    if (mdb_env_info(environment, &information) != 0 || mdb_stat(reading, database, &statistics) != 0 ||
        mdb_cursor_open(reading, database, &cursor) != 0)
        return false;
    size_t left = statistics.ms_entries;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; code == 0 && left > 0; left--) {
        (void)read_bytes(&key);
        (void)read_bytes(&value);
        if (database == FREE_LIST && !is_free_list(&value, information.me_last_pgno))
            return false;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND && left == 0;
}

static bool is_sound(const char *directory, uint64_t largest) {
    MDB_env *environment;
    MDB_txn *reading;
    MDB_dbi database;
    return mdb_env_create(&environment) == 0 && mdb_env_set_mapsize(environment, (size_t)largest) == 0 &&
           mdb_env_open(environment, directory, OPEN_FLAGS | MDB_RDONLY, 0) == 0 &&
           mdb_txn_begin(environment, NULL, MDB_RDONLY, &reading) == 0 &&
           mdb_dbi_open(reading, NULL, 0, &database) == 0 && is_readable(environment, reading, database) &&
           is_readable(environment, reading, FREE_LIST);
}

/* It ends as the system ends a process, without a core, whatever the program that runs the broker does then. */
static void let_go_of_signals(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct rlimit no_core = {0, 0};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
}

static int look_for_damage(const struct lmdb_store *store, uint64_t largest) {
    int status;
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0) {
        close(store->lock); /* the lock is not to outlive the process that it is for */
        let_go_of_signals();
        int nowhere = open("/dev/null", O_WRONLY); /* what LMDB says before it aborts helps nobody */
        if (nowhere >= 0)
            dup2(nowhere, STDERR_FILENO);
        _exit(is_sound(store->directory, largest) ? 0 : 1);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : MDB_CORRUPTED;
}

/* ---- Opening and closing --------------------------------------------------------------------------------------- */

static void close_store(void *context) {
    struct lmdb_store *store = context;
    if (store->changes != NULL)
        mdb_txn_abort(store->changes);
    if (store->environment != NULL)
        mdb_env_close(store->environment);
    if (store->lock >= 0)
        close(store->lock);
    free(store->directory);
    free(store);
}

/* Who holds the lock is written in its file; 0 where that cannot be read. */
static long read_holder(int lock) {
    char text[24] = "";
    return pread(lock, text, sizeof text - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

/* It only helps to say who it is: where the disk is full, the store is read all the same. */
static void write_holder(int lock) {
    char text[24];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) == 0)
        (void)!pwrite(lock, text, (size_t)length, 0);
}

/* The lock is the system's: it ends with the process, however that ends. It also keeps a second broker in this process
 * out, which a lock of the process would let in. */
static bool take_lock(struct lmdb_store *store, int directory, char error[STORE_LONGEST_ERROR]) {
    store->lock = openat(directory, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0) {
        describe(error, "write", store->directory, LOCK_FILE, errno);
        return false;
    }
    if (flock(store->lock, LOCK_EX | LOCK_NB) == 0) {
        write_holder(store->lock);
        return true;
    }
    if (errno == EWOULDBLOCK)
        snprintf(error, STORE_LONGEST_ERROR,
                 "%s is in use by process %ld; end that broker, or name another place for this one", store->directory,
                 read_holder(store->lock));
    else
        describe(error, "lock", store->directory, LOCK_FILE, errno);
    return false;
}

static int open_environment(struct lmdb_store *store, uint64_t largest) {
    MDB_txn *first;
    int code = mdb_env_create(&store->environment);
    if (code == 0)
        code = mdb_env_set_mapsize(store->environment, (size_t)largest);
    if (code == 0)
        code = mdb_env_open(store->environment, store->directory, OPEN_FLAGS, 0600);
    if (code == 0)
        code = mdb_txn_begin(store->environment, NULL, 0, &first);
    if (code != 0)
        return code;
    code = mdb_dbi_open(first, NULL, 0, &store->database);
    if (code == 0)
        return mdb_txn_commit(first);
    mdb_txn_abort(first);
    return code;
}

/* In a directory that is there and this process's alone. */
static bool open_data(struct lmdb_store *store, int directory, uint64_t largest, char error[STORE_LONGEST_ERROR]) {
    struct stat data;
    bool is_new = fstatat(directory, DATA_FILE, &data, 0) != 0 || data.st_size == 0;
    int code = largest > SIZE_MAX ? ENOMEM : is_new ? 0 : look_for_damage(store, largest);
    if (code == 0)
        code = open_environment(store, largest);
    if (code == 0 && is_new && fsync(directory) != 0) /* the file's name is to last too */
        code = errno;
    if (code == 0)
        return true;
    describe(error, "use", store->directory, DATA_FILE, code);
    return false;
}

static bool open_all(struct lmdb_store *store, uint64_t largest, char error[STORE_LONGEST_ERROR]) {
    int directory = -1;
    if (mkdir(store->directory, 0700) == 0 || errno == EEXIST)
        directory = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        snprintf(error, STORE_LONGEST_ERROR, "cannot use the directory %s: %s; %s", store->directory, strerror(errno),
                 remedy(errno));
        return false;
    }
    bool is_open = take_lock(store, directory, error) && open_data(store, directory, largest, error);
    close(directory);
    return is_open;
}

bool store_lmdb_open(struct store *store, const char *directory, uint64_t largest,
                     char error_text[STORE_LONGEST_ERROR]) {
    struct lmdb_store *opened = calloc(1, sizeof *opened);
    if (opened != NULL)
        opened->directory = strdup(directory);
    if (opened == NULL || opened->directory == NULL) {
        free(opened);
        snprintf(error_text, STORE_LONGEST_ERROR, "out of memory");
        return false;
    }
    opened->lock = -1;
    if (!open_all(opened, largest, error_text)) {
        close_store(opened);
        return false;
    }
    *store = (struct store){.context = opened,
                            .put = put,
                            .remove = remove_record,
                            .commit = commit,
                            .walk = walk,
                            .error = error,
                            .close = close_store};
    return true;
}
