// An interpreter of a small language: what a step is, is read from memory and jumped to by a table.
#include "bench.h"

enum { PUSH, ADD, SUB, MUL, XOR, SHIFT, DUP, SWAP, LOAD, STORE, LESS, JUMP, JUMP_IF, CALL, RETURN, HALT };

#define LOOPS 20000

static uint64_t run(const int32_t *code, uint64_t seed)
{
	uint64_t stack[64], variables[8] = { seed }, *top = stack;
	const int32_t *calls[32], **call = calls, *at = code;
	for (;;) {
		switch (*at++) {
		case PUSH:
			*++top = (uint64_t)(int64_t)*at++;
			break;
		case ADD:
			top--;
			top[0] += top[1];
			break;
		case SUB:
			top--;
			top[0] -= top[1];
			break;
		case MUL:
			top--;
			top[0] *= top[1];
			break;
		case XOR:
			top--;
			top[0] ^= top[1];
			break;
		case SHIFT:
			*top >>= *at++;
			break;
		case DUP:
			top++;
			top[0] = top[-1];
			break;
		case SWAP: {
			uint64_t other = top[0];
			top[0] = top[-1];
			top[-1] = other;
			break;
		}
		case LOAD:
			*++top = variables[*at++];
			break;
		case STORE:
			variables[*at++] = *top--;
			break;
		case LESS:
			top--;
			top[0] = top[0] < top[1];
			break;
		case JUMP:
			at = code + *at;
			break;
		case JUMP_IF:
			at = *top-- ? code + *at : at + 1;
			break;
		case CALL:
			*call++ = at + 1;
			at = code + *at;
			break;
		case RETURN:
			at = *--call;
			break;
		default:
			return variables[0];
		}
	}
}

uint64_t bytecode_work(unsigned scale)
{
	/* v1 counts down; the function at 22 mixes the counter into v0. */
	static const int32_t program[] = {
		PUSH, LOOPS, STORE, 1, /* 4: */ LOAD, 1, CALL, 22, LOAD, 1, PUSH, 1, SUB, DUP, STORE, 1, JUMP_IF, 4,
		HALT, HALT, HALT, HALT, /* 22: */ LOAD, 0, ADD, DUP, SHIFT, 7, XOR, PUSH, 31, MUL, STORE, 0, RETURN,
	};
	uint64_t sum = 0;
	for (unsigned round = 0; round < scale * 4; round++)
		sum = fold(sum, run(program, round));
	return sum;
}
