/* Records what a process does to the files of one folder, to be replayed as a power loss.
 *
 * Preloaded into a program. RECORD_FOLDER is the folder, RECORD_LOG the log to append to.
 * Every call goes through to the system; what succeeds is logged, data included. One lock
 * over call and record keeps the log in the order in which things happened.
 *
 * A record: kind (u32), lengths of two texts (u32, u32), two numbers (u64, u64), length of
 * data (u64), then the texts and the data. Files are told apart by inode, folders by path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, RESIZE, SYNC, SYNC_FOLDER, RENAME, UNLINK, LINK, MKDIR, RMDIR };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static int log_file = -1;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *below = getenv("RECORD_FOLDER"), *log = getenv("RECORD_LOG");
    if (!below || !log) return;
    int fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    /* Far from the numbers that programs expect to get. */
    log_file = fcntl(fd, F_DUPFD_CLOEXEC, 700);
    REAL(close)(fd);
    snprintf(folder, sizeof folder, "%s", below);
}

static int is_recorded(const char *path) {
    size_t length = strlen(folder);
    return log_file >= 0 && !strncmp(path, folder, length) && (!path[length] || path[length] == '/');
}

static void put(const void *bytes, size_t count) {
    while (count) {
        ssize_t done = REAL(write)(log_file, bytes, count);
        if (done < 0) abort();
        bytes = (const char *)bytes + done;
        count -= done;
    }
}

static void record(enum kind kind, const char *one, const char *two, uint64_t a, uint64_t b,
                   const struct iovec *data, int parts, size_t bytes) {
    struct { uint32_t kind, one, two, pad; uint64_t a, b, bytes; } head =
        {kind, strlen(one), strlen(two), 0, a, b, bytes};
    int before = errno;
    put(&head, sizeof head);
    put(one, head.one);
    put(two, head.two);
    for (int i = 0; i < parts && bytes; i++) {
        size_t some = data[i].iov_len < bytes ? data[i].iov_len : bytes;
        put(data[i].iov_base, some);
        bytes -= some;
    }
    errno = before;
}

/* Its inode if the descriptor leads to a recorded file; else 0. */
static uint64_t inode_of(int fd, char *path) {
    char name[64];
    struct stat found;
    int before = errno;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = log_file < 0 ? -1 : readlink(name, path, PATH_MAX - 1);
    uint64_t inode = 0;
    if (length > 0) {
        path[length] = 0;
        if (is_recorded(path) && !fstat(fd, &found)) inode = found.st_ino;
    }
    errno = before;
    return inode;
}

static void absolute(int at, const char *path, char *out) {
    if (path[0] == '/') snprintf(out, PATH_MAX, "%s", path);
    else if (at == AT_FDCWD && getcwd(out, PATH_MAX)) {
        size_t length = strlen(out);
        snprintf(out + length, PATH_MAX - length, "/%s", path);
    } else out[0] = 0;
}

static int opened(const char *function, int at, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    absolute(at, path, full);
    int (*next)(int, const char *, int, ...) = real(function);
    if (!is_recorded(full) || !(flags & (O_CREAT | O_TRUNC))) return next(at, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat found;
    int is_new = stat(full, &found) != 0;
    int fd = next(at, path, flags, mode);
    if (fd >= 0 && !fstat(fd, &found)) {
        if (is_new) record(CREATE, full, "", found.st_ino, 0, 0, 0, 0);
        else if (flags & O_TRUNC) record(RESIZE, full, "", found.st_ino, 0, 0, 0, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE mode_t mode = 0; \
    if (flags & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened("openat", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened("openat64", AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened("openat", at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened("openat64", at, path, flags, mode); }

/* Offset -1: where the file stands, which is found out after the write. */
static void written(int fd, int64_t offset, const struct iovec *data, int parts, ssize_t done) {
    char path[PATH_MAX];
    uint64_t inode = done > 0 ? inode_of(fd, path) : 0;
    if (!inode) return;
    if (offset < 0) offset = lseek(fd, 0, SEEK_CUR) - done;
    record(WRITE, path, "", inode, offset, data, parts, done);
}

#define WRITING(call, offset, data, parts) \
    if (log_file < 0 || fd == log_file) return call; \
    pthread_mutex_lock(&lock); \
    ssize_t done = call; \
    written(fd, offset, data, parts, done); \
    pthread_mutex_unlock(&lock); \
    return done;
#define ONE (&(struct iovec){(void *)data, count})

ssize_t write(int fd, const void *data, size_t count) { WRITING(REAL(write)(fd, data, count), -1, ONE, 1) }
ssize_t writev(int fd, const struct iovec *data, int parts) { WRITING(REAL(writev)(fd, data, parts), -1, data, parts) }
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) { WRITING(REAL(pwrite)(fd, data, count, at), at, ONE, 1) }
ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) { WRITING(REAL(pwrite64)(fd, data, count, at), at, ONE, 1) }
ssize_t pwritev(int fd, const struct iovec *data, int parts, off_t at) { WRITING(REAL(pwritev)(fd, data, parts, at), at, data, parts) }
ssize_t pwritev64(int fd, const struct iovec *data, int parts, off64_t at) { WRITING(REAL(pwritev64)(fd, data, parts, at), at, data, parts) }

/* Calls that name an open file, and change or sync all of it. */
#define ON_FILE(call, kind, number) \
    if (log_file < 0) return call; \
    char path[PATH_MAX]; \
    pthread_mutex_lock(&lock); \
    int done = call; \
    uint64_t inode = done ? 0 : inode_of(fd, path); \
    if (inode) record(kind, path, "", inode, number, 0, 0, 0); \
    pthread_mutex_unlock(&lock); \
    return done;

static enum kind sync_kind(int fd) {
    struct stat found;
    return !fstat(fd, &found) && S_ISDIR(found.st_mode) ? SYNC_FOLDER : SYNC;
}

int ftruncate(int fd, off_t size) { ON_FILE(REAL(ftruncate)(fd, size), RESIZE, size) }
int ftruncate64(int fd, off64_t size) { ON_FILE(REAL(ftruncate64)(fd, size), RESIZE, size) }
int fsync(int fd) { ON_FILE(REAL(fsync)(fd), sync_kind(fd), 0) }
int fdatasync(int fd) { ON_FILE(REAL(fdatasync)(fd), sync_kind(fd), 0) }

/* Room that is asked for shows as length alone. */
static void grown(int fd) {
    char path[PATH_MAX];
    struct stat found;
    uint64_t inode = inode_of(fd, path);
    if (inode && !fstat(fd, &found)) record(RESIZE, path, "", inode, found.st_size, 0, 0, 0);
}
#define GROWING(call) \
    pthread_mutex_lock(&lock); \
    int done = call; \
    if (!done) grown(fd); \
    pthread_mutex_unlock(&lock); \
    return done;
int fallocate(int fd, int mode, off_t at, off_t size) { GROWING(REAL(fallocate)(fd, mode, at, size)) }
int posix_fallocate(int fd, off_t at, off_t size) { GROWING(REAL(posix_fallocate)(fd, at, size)) }

/* Calls that change names. */
#define ON_NAMES(call, kind, first, second) \
    char one[PATH_MAX], two[PATH_MAX]; \
    absolute(AT_FDCWD, first, one); \
    absolute(AT_FDCWD, second, two); \
    if (!is_recorded(one) && !is_recorded(two)) return call; \
    pthread_mutex_lock(&lock); \
    int done = call; \
    struct stat found; \
    if (!done) record(kind, one, two, kind == MKDIR && !stat(one, &found) ? found.st_ino : 0, 0, 0, 0, 0); \
    pthread_mutex_unlock(&lock); \
    return done;
int rename(const char *old, const char *new) { ON_NAMES(REAL(rename)(old, new), RENAME, old, new) }
int link(const char *old, const char *new) { ON_NAMES(REAL(link)(old, new), LINK, old, new) }
int unlink(const char *path) { ON_NAMES(REAL(unlink)(path), UNLINK, path, "/") }
int mkdir(const char *path, mode_t mode) { ON_NAMES(REAL(mkdir)(path, mode), MKDIR, path, "/") }
int rmdir(const char *path) { ON_NAMES(REAL(rmdir)(path), RMDIR, path, "/") }
