package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.CodeElement;
import java.lang.classfile.MethodModel;
import java.lang.classfile.instruction.InvokeDynamicInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ConstantDesc;
import java.lang.constant.DirectMethodHandleDesc;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Reads the class files: nothing that takes an {@link Index.Batch}, as each change does, leads to
 * the parser of manifests. A long manifest that is parsed there would have all writes wait.
 */
class NothingIsParsedInAChangeTest {
  private static final String BATCH = "Ldev/cistern/storage/Index$Batch;";
  private static final String PARSER = "dev/cistern/oci/ManifestParser";

  /** A method, by the internal name of its class. */
  private record Method(String owner, String name, String type) {}

  /** What calls what, within this project. */
  private static final class Calls {
    private final Map<Method, Set<Method>> calls = new HashMap<>();
    private final Map<String, Set<String>> above = new HashMap<>();

    void add(byte[] classFile) {
      ClassModel model = ClassFile.of().parse(classFile);
      String owner = model.thisClass().asInternalName();
      if (above.containsKey(owner)) {
        return;
      }
      Set<String> supertypes = new HashSet<>();
      model.superclass().ifPresent(type -> supertypes.add(type.asInternalName()));
      model.interfaces().forEach(type -> supertypes.add(type.asInternalName()));
      above.put(owner, supertypes);
      for (MethodModel method : model.methods()) {
        var called = new LinkedHashSet<Method>();
        method.code().ifPresent(code -> code.forEach(element -> add(element, called)));
        calls.put(
            new Method(owner, method.methodName().stringValue(), method.methodType().stringValue()),
            called);
        called.forEach(each -> addByName(each.owner));
      }
    }

    private static void add(CodeElement element, Set<Method> called) {
      switch (element) {
        case InvokeInstruction call ->
            called.add(
                new Method(
                    call.owner().asInternalName(),
                    call.name().stringValue(),
                    call.type().stringValue()));
        case InvokeDynamicInstruction lambda -> {
          for (ConstantDesc argument : lambda.bootstrapArgs()) {
            if (argument instanceof DirectMethodHandleDesc handle) {
              String owner = handle.owner().descriptorString();
              called.add(
                  new Method(
                      owner.substring(1, owner.length() - 1),
                      handle.methodName(),
                      handle.lookupDescriptor()));
            }
          }
        }
        default -> {}
      }
    }

    private void addByName(String owner) {
      if (owner.startsWith("dev/cistern/") && !above.containsKey(owner)) {
        try (InputStream in = Index.class.getResourceAsStream("/" + owner + ".class")) {
          if (in != null) {
            add(in.readAllBytes());
          }
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }

    Set<Method> roots() {
      var roots = new HashSet<Method>();
      calls.keySet().stream().filter(method -> method.type.contains(BATCH)).forEach(roots::add);
      return roots;
    }

    /** Returns how one comes from one of the roots to the parser. */
    Optional<List<Method>> wayToParser(Set<Method> roots) {
      var from = new HashMap<Method, Optional<Method>>();
      var queue = new ArrayDeque<Method>(roots);
      roots.forEach(root -> from.put(root, Optional.empty()));
      while (!queue.isEmpty()) {
        Method method = queue.remove();
        if (method.owner.equals(PARSER)) {
          var way = new ArrayList<Method>();
          for (Optional<Method> at = Optional.of(method);
              at.isPresent();
              at = from.getOrDefault(at.get(), Optional.empty())) {
            way.add(at.get());
          }
          return Optional.of(way);
        }
        for (Method called : calls.getOrDefault(method, Set.of())) {
          for (Method target : targets(called)) {
            if (from.putIfAbsent(target, Optional.of(method)) == null) {
              queue.add(target);
            }
          }
        }
      }
      return Optional.empty();
    }

    /** Returns what a call may run: in the class itself, what it inherits, or what overrides it. */
    private List<Method> targets(Method called) {
      if (called.name.equals("<init>") || !called.owner.startsWith("dev/cistern/")) {
        return calls.containsKey(called) ? List.of(called) : List.of();
      }
      return calls.keySet().stream()
          .filter(method -> method.name.equals(called.name) && method.type.equals(called.type))
          .filter(
              method -> isAbove(method.owner, called.owner) || isAbove(called.owner, method.owner))
          .toList();
    }

    private boolean isAbove(String upper, String lower) {
      return upper.equals(lower)
          || above.getOrDefault(lower, Set.of()).stream().anyMatch(type -> isAbove(upper, type));
    }
  }

  @Test
  void noChangeLeadsToTheParser() throws IOException, URISyntaxException {
    var calls = new Calls();
    Path classes = Path.of(Index.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".class")).toList()) {
        calls.add(Files.readAllBytes(file));
      }
    }

    assertThat(calls.roots()).hasSizeGreaterThan(50);
    assertThat(calls.wayToParser(calls.roots())).isEmpty();
  }

  /** What this test is for. */
  private static final class Sample {
    static Index.Change<Boolean> change(byte[] manifest) {
      return batch -> {
        batch.put(manifest, manifest);
        return isIndex(manifest);
      };
    }

    private static boolean isIndex(byte[] manifest) {
      return Manifest.parse(manifest, Optional.empty()) instanceof Manifest.Index;
    }
  }

  @Test
  void aChangeThatParsesIsFound() throws IOException {
    var calls = new Calls();
    String name = Sample.class.getName().replace('.', '/');
    try (InputStream in = Sample.class.getResourceAsStream("/" + name + ".class")) {
      calls.add(in.readAllBytes());
    }
    assertThat(Sample.change(new byte[0])).isNotNull();

    var roots = new HashSet<>(calls.roots());
    roots.removeIf(method -> !method.owner.equals(name));
    assertThat(roots).as("the lambda").hasSize(1);
    assertThat(calls.wayToParser(roots)).isPresent();
  }
}
