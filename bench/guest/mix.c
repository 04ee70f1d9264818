// What small programs are made of: a state machine over text, a matrix product, a linked list that is turned around and
// searched. Many short functions and branches that are hard to foresee.
#include "bench.h"

enum { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, DIGITS, WRONG, STATES };

static const char text[] =
	"12,-7,3.25,+9.5e3,x1,88.1.2,4e-2,--5,000,17.e,6e+11,.5,2147483647,-0.0,9q9,1e1,77.77,+,-,3e,42";

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int step(int state, char c)
{
	switch (state) {
	case START:
		return is_digit(c) ? WHOLE : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : WRONG;
	case SIGN:
		return is_digit(c) ? WHOLE : c == '.' ? POINT : WRONG;
	case WHOLE:
		return is_digit(c) ? WHOLE : c == '.' ? POINT : c == 'e' ? EXPONENT : WRONG;
	case POINT:
	case FRACTION:
		return is_digit(c) ? FRACTION : c == 'e' ? EXPONENT : WRONG;
	case EXPONENT:
		return is_digit(c) || c == '+' || c == '-' ? DIGITS : WRONG;
	case DIGITS:
		return is_digit(c) ? DIGITS : WRONG;
	default:
		return WRONG;
	}
}

static uint64_t scan(unsigned shift)
{
	uint64_t counts[STATES] = { 0 }, sum = 0;
	int state = START;
	for (const char *at = text; *at; at++) {
		if (*at == ',') {
			counts[state]++;
			state = START;
		} else {
			state = step(state, (char)(*at ^ (shift & 1 && *at == 'e' ? 'e' ^ 'E' : 0)));
		}
	}
	for (int i = 0; i < STATES; i++)
		sum = fold(sum, counts[i]);
	return sum;
}

#define SIDE 24

static int32_t left[SIDE][SIDE], right[SIDE][SIDE], product[SIDE][SIDE];

static uint64_t multiply(unsigned seed)
{
	uint64_t sum = 0;
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			left[i][j] = (int32_t)(i * 3 + j + (int)seed) % 97;
			right[i][j] = (int32_t)(i - j * 5 - (int)seed) % 89;
		}
	for (int i = 0; i < SIDE; i++)
		for (int j = 0; j < SIDE; j++) {
			int32_t cell = 0;
			for (int k = 0; k < SIDE; k++)
				cell += left[i][k] * right[k][j];
			product[i][j] = cell;
			sum += (uint64_t)(int64_t)cell * (uint64_t)(i + 1);
		}
	return sum;
}

#define ITEMS 64

struct item {
	struct item *next;
	int16_t key, index;
};

static struct item items[ITEMS];

static struct item *reversed(struct item *head)
{
	struct item *done = 0;
	while (head) {
		struct item *next = head->next;
		head->next = done;
		done = head;
		head = next;
	}
	return done;
}

static uint64_t list(unsigned seed)
{
	uint64_t sum = 0, state = seed + 1;
	struct item *head = 0;
	for (int i = 0; i < ITEMS; i++) {
		items[i] = (struct item){ head, (int16_t)(next_random(&state) & 63), (int16_t)i };
		head = &items[i];
	}
	for (int key = 0; key < 24; key++) {
		const struct item *at = head;
		while (at && at->key != key)
			at = at->next;
		sum = fold(sum, at ? (uint64_t)at->index : 99);
		if (key & 1)
			head = reversed(head);
	}
	return sum;
}

uint64_t mix_work(unsigned scale)
{
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale * 100; round++) {
		for (int i = 0; i < 8; i++)
			sum = fold(sum, scan(round));
		sum = fold(sum, multiply(round));
		sum = fold(sum, list(round));
	}
	return sum;
}
