// Where a statement ends, and nested comments.
//
// A statement ends at the end of its line unless the next line begins with a binary operator, a
// dot, an arrow or one of a few words (docs/book/src/language/lexical.md). The end is a token of no
// length; the grammar asks for it only where a statement may end.

#include "tree_sitter/parser.h"

#include <string.h>

enum Token { END, BLOCK_COMMENT };

void *tree_sitter_trama_external_scanner_create(void) { return NULL; }
void tree_sitter_trama_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_trama_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}
void tree_sitter_trama_external_scanner_deserialize(void *payload, const char *buffer,
                                                    unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

static bool is_word(int32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_blank(int32_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0xFEFF;
}

// The rest of a comment after its first `/`, where a `*` is next.
static bool block_comment(TSLexer *lexer) {
  unsigned depth = 0;
  int32_t before = '/';
  while (!lexer->eof(lexer)) {
    int32_t c = lexer->lookahead;
    lexer->advance(lexer, false);
    if (before == '/' && c == '*') {
      depth++;
      before = 0;
    } else if (before == '*' && c == '/') {
      depth--;
      before = 0;
      if (depth == 0) return true;
    } else {
      before = c;
    }
  }
  return false;
}

// After `in`: it is the name of a port that gets a packet, `in <- ip {}` or `in[1] <- ip {}`.
static bool is_packet_step(TSLexer *lexer) {
  while (lexer->lookahead == ' ' || lexer->lookahead == '\t') lexer->advance(lexer, false);
  if (lexer->lookahead == '[') {
    while (lexer->lookahead != ']' && lexer->lookahead != '\n' && !lexer->eof(lexer)) {
      lexer->advance(lexer, false);
    }
    if (lexer->lookahead != ']') return false;
    lexer->advance(lexer, false);
    while (lexer->lookahead == ' ' || lexer->lookahead == '\t') lexer->advance(lexer, false);
  }
  if (lexer->lookahead != '<') return false;
  lexer->advance(lexer, false);
  return lexer->lookahead == '-';
}

// What is next goes on with the statement of the line before.
static bool continues(TSLexer *lexer) {
  int32_t c = lexer->lookahead;
  switch (c) {
    case '+': case '-': case '*': case '/': case '%': case '&': case '|': case '^': case '<':
    case '>': case '.':
      return true;
    case '!': case '=':
      lexer->advance(lexer, false);
      // `!=` and `==` compare; `=` and `!` do not go on.
      return lexer->lookahead == '=';
    default:
      break;
  }
  char word[5] = {0};
  unsigned length = 0;
  while (is_word(lexer->lookahead) && length < sizeof word) {
    word[length++] = (char)lexer->lookahead;
    lexer->advance(lexer, false);
  }
  if (length == 2 && !memcmp(word, "in", 2)) return !is_packet_step(lexer);
  if (length == 2) return !memcmp(word, "is", 2) || !memcmp(word, "as", 2);
  return length == 4 && !memcmp(word, "else", 4);
}

bool tree_sitter_trama_external_scanner_scan(void *payload, TSLexer *lexer,
                                             const bool *valid_symbols) {
  (void)payload;
  bool newline = false;
  lexer->mark_end(lexer);
  for (;;) {
    while (is_blank(lexer->lookahead) && !lexer->eof(lexer)) {
      newline |= lexer->lookahead == '\n';
      lexer->advance(lexer, !valid_symbols[END]);
    }
    if (lexer->lookahead != '/') break;
    lexer->advance(lexer, false);
    if (lexer->lookahead == '*' && valid_symbols[BLOCK_COMMENT] && !newline) {
      if (!block_comment(lexer)) return false;
      lexer->mark_end(lexer);
      lexer->result_symbol = BLOCK_COMMENT;
      return true;
    }
    if (lexer->lookahead == '*' && newline && valid_symbols[END]) {
      lexer->result_symbol = END;
      return true;
    }
    // A comment before the end of the line is a token of its own; then this comes again.
    if (lexer->lookahead != '/' || !newline) return false;
    while (lexer->lookahead != '\n' && !lexer->eof(lexer)) lexer->advance(lexer, false);
  }
  if (!valid_symbols[END]) return false;
  bool closes = lexer->lookahead == '}' || lexer->eof(lexer);
  if (closes || (newline && !continues(lexer))) {
    lexer->result_symbol = END;
    return true;
  }
  return false;
}
