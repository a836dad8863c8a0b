/* pickle_op: the opcodes of pickle protocols 0 to 5, and what each may do
 * here. Private to the parts pickle and pickle_write.
 */
#ifndef PG_PICKLE_OP_H
#define PG_PICKLE_OP_H

/* Name, byte, class:
 * PLAIN  written by us; a stream of these alone builds a tree
 * TEXT   the same, pushing a text
 * SIDE   builds nothing: framing and filling the memo
 * DATA   accepted from others
 * CODE   would name or call code, or fetch data from elsewhere: refused */
#define PG_PICKLE_OPS(X)             \
	X(MARK, '(', PLAIN)          \
	X(STOP, '.', SIDE)           \
	X(POP, '0', DATA)            \
	X(POP_MARK, '1', DATA)       \
	X(DUP, '2', DATA)            \
	X(FLOAT, 'F', DATA)          \
	X(INT, 'I', DATA)            \
	X(BININT, 'J', PLAIN)        \
	X(BININT1, 'K', PLAIN)       \
	X(LONG, 'L', DATA)           \
	X(BININT2, 'M', PLAIN)       \
	X(NONE, 'N', PLAIN)          \
	X(PERSID, 'P', CODE)         \
	X(BINPERSID, 'Q', CODE)      \
	X(REDUCE, 'R', DATA)         \
	X(STRING, 'S', DATA)         \
	X(BINSTRING, 'T', DATA)      \
	X(SHORT_BINSTRING, 'U', DATA) \
	X(UNICODE, 'V', DATA)        \
	X(BINUNICODE, 'X', TEXT)     \
	X(APPEND, 'a', DATA)         \
	X(BUILD, 'b', CODE)          \
	X(GLOBAL, 'c', DATA)         \
	X(DICT, 'd', DATA)           \
	X(EMPTY_DICT, '}', PLAIN)    \
	X(APPENDS, 'e', PLAIN)       \
	X(GET, 'g', DATA)            \
	X(BINGET, 'h', DATA)         \
	X(INST, 'i', CODE)           \
	X(LONG_BINGET, 'j', DATA)    \
	X(LIST, 'l', DATA)           \
	X(EMPTY_LIST, ']', PLAIN)    \
	X(OBJ, 'o', CODE)            \
	X(PUT, 'p', SIDE)            \
	X(BINPUT, 'q', SIDE)         \
	X(LONG_BINPUT, 'r', SIDE)    \
	X(SETITEM, 's', DATA)        \
	X(TUPLE, 't', DATA)          \
	X(EMPTY_TUPLE, ')', DATA)    \
	X(SETITEMS, 'u', PLAIN)      \
	X(BINFLOAT, 'G', PLAIN)      \
	X(BINBYTES, 'B', PLAIN)      \
	X(SHORT_BINBYTES, 'C', PLAIN) \
	X(PROTO, 0x80, SIDE)         \
	X(NEWOBJ, 0x81, CODE)        \
	X(EXT1, 0x82, CODE)          \
	X(EXT2, 0x83, CODE)          \
	X(EXT4, 0x84, CODE)          \
	X(TUPLE1, 0x85, DATA)        \
	X(TUPLE2, 0x86, DATA)        \
	X(TUPLE3, 0x87, DATA)        \
	X(NEWTRUE, 0x88, PLAIN)      \
	X(NEWFALSE, 0x89, PLAIN)     \
	X(LONG1, 0x8a, PLAIN)        \
	X(LONG4, 0x8b, PLAIN)        \
	X(SHORT_BINUNICODE, 0x8c, TEXT) \
	X(BINUNICODE8, 0x8d, TEXT)   \
	X(BINBYTES8, 0x8e, PLAIN)    \
	X(EMPTY_SET, 0x8f, DATA)     \
	X(ADDITEMS, 0x90, DATA)      \
	X(FROZENSET, 0x91, DATA)     \
	X(NEWOBJ_EX, 0x92, CODE)     \
	X(STACK_GLOBAL, 0x93, DATA)  \
	X(MEMOIZE, 0x94, SIDE)       \
	X(FRAME, 0x95, SIDE)         \
	X(BYTEARRAY8, 0x96, PLAIN)   \
	X(NEXT_BUFFER, 0x97, CODE)   \
	X(READONLY_BUFFER, 0x98, CODE)

enum pg_pickle_op {
#define X(name, byte, class) PG_PICKLE_##name = byte,
	PG_PICKLE_OPS(X)
#undef X
};

#define PG_PICKLE_PROTOCOL 5 /* written, and the newest read */

#endif
