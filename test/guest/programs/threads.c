/* Threads: mutexes, conditions, barriers, reader-writer locks, thread-local storage, lock-free stacks, many at once. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "common.h"

enum { THREADS = 6, ROUNDS = 400 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static _Atomic uint64_t counter;
static uint64_t guarded, torn;
static uint64_t written[2];
static _Thread_local uint64_t local;
static uint64_t sums[THREADS];
static _Atomic int in_phase[4];

struct node {
  struct node *next;
  uint64_t value;
};
static _Atomic(struct node *) stack;

static void *worker(void *argument) {
  uint64_t me = (uint64_t)(uintptr_t)argument;
  struct node *nodes = malloc(ROUNDS * sizeof *nodes);
  for (int i = 0; i < ROUNDS; i++) {
    atomic_fetch_add(&counter, me + 1);
    pthread_mutex_lock(&mutex);
    uint64_t before = guarded;
    if (i % 50 == 0) sched_yield();
    guarded = before + 1;
    pthread_mutex_unlock(&mutex);
    if (i % 8 == (int)me) {
      pthread_rwlock_wrlock(&rwlock);
      written[0]++, written[1]++;
      pthread_rwlock_unlock(&rwlock);
    } else {
      pthread_rwlock_rdlock(&rwlock);
      if (written[0] != written[1]) torn++;
      pthread_rwlock_unlock(&rwlock);
    }
    local += me * (uint64_t)i;
    nodes[i].value = me * ROUNDS + (uint64_t)i;
    nodes[i].next = atomic_load(&stack);
    while (!atomic_compare_exchange_weak(&stack, &nodes[i].next, &nodes[i])) continue;
  }
  for (int phase = 0; phase < 4; phase++) {
    atomic_fetch_add(&in_phase[phase], 1);
    pthread_barrier_wait(&barrier);
    if (atomic_load(&in_phase[phase]) != THREADS) torn++;
    pthread_barrier_wait(&barrier);
  }
  sums[me] = local;
  return (void *)(uintptr_t)(me * me + 7);
}

static void together(void) {
  pthread_t threads[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (uintptr_t n = 0; n < THREADS; n++)
    if (pthread_create(&threads[n], NULL, worker, (void *)n)) abort();
  for (int n = 0; n < THREADS; n++) {
    void *result;
    pthread_join(threads[n], &result);
    note64((uint64_t)(uintptr_t)result), note64(sums[n]);
  }
  uint64_t length = 0, total = 0;
  for (struct node *p = atomic_load(&stack); p; p = p->next) length++, total += p->value;
  printf("counter %llu, guarded %llu, torn %llu, stack %llu of %llu\n", (unsigned long long)counter,
         (unsigned long long)guarded, (unsigned long long)torn, (unsigned long long)length, (unsigned long long)total);
  note64(counter), note64(guarded), note64(torn), note64(length), note64(total), note64(written[0]);
  part("together");
}

enum { SLOTS = 4, ITEMS = 1000 };
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static uint64_t queue[SLOTS];
static int filled, put_at, take_at;

static void *producer(void *unused) {
  for (uint64_t i = 0; i < ITEMS; i++) {
    pthread_mutex_lock(&mutex);
    while (filled == SLOTS) pthread_cond_wait(&not_full, &mutex);
    queue[put_at++ % SLOTS] = i * i;
    filled++;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

static void pipeline(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, producer, NULL);
  for (int i = 0; i < ITEMS; i++) {
    pthread_mutex_lock(&mutex);
    while (filled == 0) pthread_cond_wait(&not_empty, &mutex);
    note64(queue[take_at++ % SLOTS]); /* in order, whoever runs when */
    filled--;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&mutex);
  }
  pthread_join(thread, NULL);
  part("pipeline");
}

static pthread_key_t key;
static _Atomic int destroyed;
static void destroy(void *value) { atomic_fetch_add(&destroyed, (int)(uintptr_t)value); }
static void *brief(void *argument) {
  pthread_setspecific(key, argument);
  return NULL;
}

static void many(void) {
  pthread_key_create(&key, destroy);
  for (uintptr_t n = 1; n <= 50; n++) {
    pthread_t thread;
    pthread_create(&thread, NULL, brief, (void *)n);
    pthread_join(thread, NULL);
  }
  printf("destroyed %d\n", destroyed);
  note64((uint64_t)destroyed);
  part("many");
}

int main(void) {
  together();
  pipeline();
  many();
  return finish();
}
