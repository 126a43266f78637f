#include "conformance/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_SECONDS   2
#define LAST_WORDS_SIZE 4096u
#define LINES_SHOWN     10
#define PIPE_READS      32 /* more than enough for all that a pipe holds */

struct process {
    struct event_source source; /* first, so that on_report finds the process */
    struct event_loop *loop;
    pid_t guardian;
    int control; /* closing it makes the guardian end the target */
    int report;  /* what the guardian tells: the last words */
    bool ended;
    size_t length;
    char last_words[LAST_WORDS_SIZE + 200];
};

/* ---- The guardian's side ----------------------------------------------------------------------------------- */

struct guarded {
    pid_t pid;
    int control;
    int output; /* of the command; -1 when closed */
    int report;
    bool ended;
    size_t length;
    char tail[LAST_WORDS_SIZE];
};

static void on_child(int signal) {
    (void)signal; /* only interrupts the wait */
}

/* Keeps the last bytes that the command wrote. */
static void read_output(struct guarded *guarded) {
    char buffer[LAST_WORDS_SIZE];
    ssize_t got = read(guarded->output, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        close(guarded->output);
        guarded->output = -1;
        return;
    }
    size_t added = (size_t)got;
    size_t kept = guarded->length + added > sizeof guarded->tail ? sizeof guarded->tail - added : guarded->length;
    memmove(guarded->tail, guarded->tail + guarded->length - kept, kept);
    memcpy(guarded->tail + kept, buffer, added);
    guarded->length = kept + added;
}

/* True once the command has ended. It is not reaped yet, so that its process group keeps its number. */
static bool has_ended(struct guarded *guarded, siginfo_t *how) {
    how->si_pid = 0;
    if (waitid(P_PID, (id_t)guarded->pid, how, WEXITED | WNOHANG | WNOWAIT) == 0 && how->si_pid == guarded->pid)
        guarded->ended = true;
    return guarded->ended;
}

/* Waits for output, for the tester to be gone, for the command's end, or for the time. True while the tester is
 * there. */
static bool guard_once(struct guarded *guarded, const struct timespec *timeout) {
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(guarded->control, &readable);
    int highest = guarded->control;
    if (guarded->output >= 0) {
        FD_SET(guarded->output, &readable);
        highest = guarded->output > highest ? guarded->output : highest;
    }
    sigset_t none;
    sigemptyset(&none);
    if (pselect(highest + 1, &readable, NULL, NULL, timeout, &none) <= 0)
        return true;
    if (guarded->output >= 0 && FD_ISSET(guarded->output, &readable))
        read_output(guarded);
    return !FD_ISSET(guarded->control, &readable);
}

static void write_all(int descriptor, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* the tester is gone */
        bytes += written;
        length -= (size_t)written;
    }
}

static void report_end(struct guarded *guarded, const siginfo_t *how) {
    char sentence[100];
    const char *verb = how->si_code == CLD_EXITED ? "ended with exit status" : "was ended by signal";
    int length = snprintf(sentence, sizeof sentence, "it %s %d", verb, how->si_status);
    /* What it wrote last is in the pipe still. */
    if (guarded->output >= 0) {
        fcntl(guarded->output, F_SETFL, O_NONBLOCK);
        for (int i = 0; i < PIPE_READS && guarded->output >= 0; i++)
            read_output(guarded);
    }
    size_t start = guarded->length;
    int lines = 0;
    while (start > 0 && lines < LINES_SHOWN)
        lines += guarded->tail[--start] == '\n' && start + 1 < guarded->length;
    start += lines == LINES_SHOWN; /* behind the line break that was found last */
    write_all(guarded->report, sentence, (size_t)length);
    if (guarded->length > start) {
        static const char heading[] = "; its last lines:\n";
        write_all(guarded->report, heading, sizeof heading - 1);
        write_all(guarded->report, guarded->tail + start, guarded->length - start);
    }
    close(guarded->report);
    guarded->report = -1;
}

static double monotonic_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void end_group(struct guarded *guarded) {
    siginfo_t how;
    double end = monotonic_seconds() + GRACE_SECONDS;
    kill(-guarded->pid, SIGTERM);
    while (!has_ended(guarded, &how) && monotonic_seconds() < end) {
        struct timespec wait = {.tv_sec = 0, .tv_nsec = 100000000};
        sigset_t none;
        sigemptyset(&none);
        fd_set readable;
        FD_ZERO(&readable);
        if (guarded->output >= 0)
            FD_SET(guarded->output, &readable);
        if (pselect(guarded->output + 1, &readable, NULL, NULL, &wait, &none) > 0)
            read_output(guarded); /* a full pipe would keep it from ending */
    }
    kill(-guarded->pid, SIGKILL);
    while (waitpid(guarded->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The command, in a process group of its own. */
static void run_command(const char *command, int output, const sigset_t *signals) {
    int null = open("/dev/null", O_RDONLY);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, signals, NULL);
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_DFL);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void close_on_exec(int descriptor) {
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

static void guard(const char *command, int control, int report) {
    int output[2];
    sigset_t child;
    sigset_t before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    struct sigaction action = {.sa_handler = on_child};
    sigaction(SIGCHLD, &action, NULL);
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        signal(ignored[i], SIG_IGN);
    if (pipe(output) != 0)
        _exit(1);
    close_on_exec(output[0]);
    close_on_exec(output[1]);
    struct guarded guarded = {.control = control, .report = report, .output = output[0]};
    guarded.pid = fork();
    if (guarded.pid == 0)
        run_command(command, output[1], &before);
    if (guarded.pid < 0)
        _exit(1);
    setpgid(guarded.pid, guarded.pid); /* whoever of the two comes first */
    close(output[1]);

    siginfo_t how;
    while (guard_once(&guarded, NULL))
        if (guarded.report >= 0 && has_ended(&guarded, &how))
            report_end(&guarded, &how);
    end_group(&guarded);
    _exit(0);
}

/* ---- The tester's side ------------------------------------------------------------------------------------- */

static void on_report(struct event_source *source, unsigned readiness) {
    struct process *process = (struct process *)source;
    (void)readiness;
    ssize_t got =
        read(process->report, process->last_words + process->length, sizeof process->last_words - 1 - process->length);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got > 0) {
        process->length += (size_t)got;
        return;
    }
    while (process->length > 0 && process->last_words[process->length - 1] == '\n')
        process->length--;
    process->last_words[process->length] = '\0';
    process->ended = true;
    event_loop_forget(process->loop, &process->source);
}

static char *with_port(const char *command, uint16_t port) {
    static const char mark[] = "{port}";
    size_t marks = 0;
    for (const char *c = command; (c = strstr(c, mark)) != NULL; c++)
        marks++;
    size_t size = strlen(command) + marks * 6 + 1;
    char *text = malloc(size);
    size_t length = 0;
    while (text != NULL && *command != '\0') {
        if (strncmp(command, mark, sizeof mark - 1) == 0) {
            length += (size_t)snprintf(text + length, size - length, "%u", port);
            command += sizeof mark - 1;
        } else {
            text[length++] = *command++;
        }
    }
    if (text != NULL)
        text[length] = '\0';
    return text;
}

/* Forks the guardian. False with errno set. */
static bool start_guardian(struct process *process, const char *command) {
    int control[2];
    int report[2];
    if (pipe(control) != 0)
        return false;
    if (pipe(report) != 0) {
        close(control[0]);
        close(control[1]);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        close_on_exec(control[i]);
        close_on_exec(report[i]);
    }
    process->guardian = fork();
    if (process->guardian == 0) {
        setsid(); /* what ends the tester's process group does not end the guardian */
        close(control[1]);
        close(report[0]);
        guard(command, control[0], report[1]);
    }
    close(control[0]);
    close(report[1]);
    process->control = control[1];
    process->report = report[0];
    if (process->guardian < 0) {
        close(process->control);
        close(process->report);
        return false;
    }
    return true;
}

struct process *process_start(struct event_loop *loop, const char *command, uint16_t port, const char **reason) {
    struct process *process = calloc(1, sizeof *process);
    char *text = with_port(command, port);
    bool started = process != NULL && text != NULL && start_guardian(process, text);
    if (!started) {
        *reason = strerror(errno);
        free(text);
        free(process);
        return NULL;
    }
    free(text);
    process->loop = loop;
    fcntl(process->report, F_SETFL, O_NONBLOCK);
    if (!event_loop_watch(loop, &process->source, process->report, EVENT_READABLE, on_report)) {
        *reason = strerror(errno);
        process_stop(process);
        return NULL;
    }
    return process;
}

pid_t process_session(const struct process *process) {
    return process->guardian;
}

const bool *process_ended(const struct process *process) {
    return &process->ended;
}

const char *process_last_words(const struct process *process) {
    return process->last_words;
}

void process_stop(struct process *process) {
    if (!process->ended)
        event_loop_forget(process->loop, &process->source);
    close(process->control);
    close(process->report);
    while (waitpid(process->guardian, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(process);
}
