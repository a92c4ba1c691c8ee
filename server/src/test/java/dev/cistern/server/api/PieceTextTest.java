package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import java.io.ByteArrayOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PieceTextTest {
  private final MemoryBudget budget = new MemoryBudget(MemoryBudget.MIN_BYTES);
  private final PieceText piece = new PieceText(budget.lease(Account.LISTS, List.of()));

  @ParameterizedTest
  @ValueSource(ints = {0, 1, PieceText.MAX_PIECE_BYTES})
  void aUsualPieceIsSentAtOnceAndTakesNoMoreThanItBeganWith(int bytes) {
    assertThat(piece.tryBegin()).isTrue();
    piece.append("x".repeat(bytes));

    assertThat(piece.end()).isTrue();
    assertThat(piece.hasRest()).isEqualTo(bytes > 0);
    assertThat(piece.next()).hasSize(bytes);
    assertThat(piece.hasRest()).isFalse();
    assertThat(budget.waiting(Account.LISTS)).isEqualTo(PieceText.MAX_PIECE_BYTES);
  }

  @ParameterizedTest
  @ValueSource(ints = {PieceText.MAX_PIECE_BYTES + 1, 3 * PieceText.MAX_PIECE_BYTES, 1_000_000})
  void aLongerOneTakesMemoryForItsLengthAndIsSentInSeveral(int bytes) {
    piece.append("ü".repeat(bytes / 2)).append("x".repeat(bytes % 2));
    String whole = "ü".repeat(bytes / 2) + "x".repeat(bytes % 2);

    assertThat(piece.end()).isTrue();
    assertThat(budget.waiting(Account.LISTS)).isEqualTo(bytes);
    var sent = new ByteArrayOutputStream();
    while (piece.hasRest()) {
      byte[] part = piece.next();
      assertThat(part.length).isLessThanOrEqualTo(PieceText.MAX_PIECE_BYTES);
      sent.writeBytes(part);
    }
    assertThat(sent.toString(UTF_8)).isEqualTo(whole);
    piece.release();
    assertThat(budget.waiting(Account.LISTS)).isZero();
  }

  @Test
  void aPieceGrowsUpToItsBoundAndNoFurther() {
    assertThat(piece.tryBegin()).isTrue();
    piece.append("x".repeat(PieceText.MAX_PIECE_BYTES / 2 - 1));
    assertThat(piece.isFull()).isFalse();
    piece.append("x");
    assertThat(piece.isFull()).isTrue();
    assertThat(piece.tryGrow()).isTrue();
    assertThat(budget.waiting(Account.LISTS)).isEqualTo(PieceText.MAX_GROWN_BYTES);
    piece.append("x".repeat(PieceText.MAX_GROWN_BYTES - PieceText.MAX_PIECE_BYTES));
    assertThat(piece.tryGrow()).isFalse();
  }

  @Test
  void withoutMemoryItIsNotMade() {
    budget.take(Account.RESPONSES, List.of(), MemoryBudget.MIN_BYTES / 8 * 7);
    piece.append("x".repeat(PieceText.MAX_PIECE_BYTES + 1));

    assertThat(piece.end()).isFalse();
    assertThat(piece.hasRest()).isFalse();
    assertThat(budget.waiting(Account.LISTS)).isZero();
  }
}
