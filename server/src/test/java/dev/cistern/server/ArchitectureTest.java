package dev.cistern.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import dev.cistern.auth.access.Policy;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** Who may know whom. The arrows are those of ARCHITECTURE.md. */
class ArchitectureTest {
  private static final JavaClasses CISTERN =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.cistern");

  @Test
  void packagesDoNotDependOnEachOtherInCircles() {
    slices().matching("dev.cistern.(**)").should().beFreeOfCycles().check(CISTERN);
  }

  @Test
  void valuesKnowNobody() {
    noClasses()
        .that()
        .resideInAPackage("dev.cistern.oci..")
        .should()
        .dependOnClassesThat(
            ours().and(outside("dev.cistern.oci")).and(outside("dev.cistern.base")))
        .because("oci is known by all, so it can know none but what belongs to no one")
        .check(CISTERN);
  }

  @Test
  void theBaseKnowsNobody() {
    noClasses()
        .that()
        .resideInAPackage("dev.cistern.base..")
        .should()
        .dependOnClassesThat(ours().and(outside("dev.cistern.base")))
        .because("all know it")
        .check(CISTERN);
  }

  @Test
  void onlyTheGateAsksThePolicyWhatACallerMay() {
    noClasses()
        .that()
        .resideInAPackage("dev.cistern.server..")
        .and()
        .doNotHaveFullyQualifiedName("dev.cistern.server.access.Gate")
        .should()
        .callMethodWhere(
            JavaCall.Predicates.target(
                    HasName.Predicates.nameMatching("allows(Everywhere|Impersonation)?"))
                .and(
                    JavaCall.Predicates.target(
                        HasOwner.Predicates.With.owner(
                            JavaClass.Predicates.equivalentTo(Policy.class)))))
        .because("the policy knows principals; what a token is limited to, only the gate asks")
        .check(CISTERN);
  }

  @Test
  void durationsGoByTheMonotonicClock() {
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.cistern.server.cli..")
        .and()
        .doNotHaveFullyQualifiedName("dev.cistern.server.access.Audit")
        .and()
        .doNotHaveFullyQualifiedName("dev.cistern.server.api.Column")
        .and()
        .doNotHaveFullyQualifiedName("dev.cistern.server.config.RuleFiles$Stamp")
        .should()
        .callMethod(Instant.class, "now")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .because("dates come from the injected clock, durations from MonotonicClock")
        .check(CISTERN);
  }

  @Test
  void workOnAnEventLoopHasAGuard() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName("dev.cistern.server.http.Loop")
        .should()
        .callMethodWhere(
            JavaCall.Predicates.target(HasName.Predicates.name("execute"))
                .and(
                    JavaCall.Predicates.target(
                        HasOwner.Predicates.With.owner(
                            JavaClass.Predicates.assignableTo(
                                "io.netty.util.concurrent.EventExecutor")))))
        .because("a loop swallows what is thrown, and the connection would stay open for ever")
        .check(CISTERN);
  }

  @Test
  void nothingThatIsThrownIsLeftInAFuture() {
    noClasses()
        .should()
        .callMethodWhere(
            JavaCall.Predicates.target(HasName.Predicates.nameMatching("(run|supply|then.*)Async"))
                .and(
                    JavaCall.Predicates.target(
                        HasOwner.Predicates.With.owner(
                            JavaClass.Predicates.assignableTo(CompletableFuture.class)))))
        .because("no one would read it there; threads are begun by execute")
        .check(CISTERN);
  }

  @Test
  void storageAndCredentialsKnowOnlyValues() {
    for (String module : new String[] {"dev.cistern.storage", "dev.cistern.auth"}) {
      noClasses()
          .that()
          .resideInAPackage(module + "..")
          .should()
          .dependOnClassesThat(
              ours()
                  .and(outside(module))
                  .and(outside("dev.cistern.oci"))
                  .and(outside("dev.cistern.base")))
          .because("they must be usable, and replaceable, without the server")
          .check(CISTERN);
    }
  }

  @Test
  void theMirrorDoesNotKnowTheServer() {
    noClasses()
        .that()
        .resideInAPackage("dev.cistern.mirror..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.cistern.server..")
        .because("what is answered must not depend on how it is sent")
        .check(CISTERN);
  }

  @Test
  void rulesArePure() {
    noClasses()
        .that()
        .resideInAPackage("dev.cistern.mirror.rules")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.io..", "java.net.http..", "java.nio.file..", "dev.cistern.storage..")
        .because("names are resolved by the same code in the server, in commands and in tests")
        .check(CISTERN);
  }

  @Test
  void onlyTheHttpPackageSeesNetty() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.server.http")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.netty..")
        .because("event loops are one package's business")
        .check(CISTERN);
  }

  @Test
  void onlyStorageSeesRocksDb() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.storage")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.rocksdb..")
        .because("the index is to be replaceable by another engine")
        .check(CISTERN);
  }

  @Test
  void rocksDbIsInNoPublicSignature() {
    methods()
        .that()
        .areDeclaredInClassesThat()
        .resideInAPackage("dev.cistern.storage")
        .and()
        .areDeclaredInClassesThat()
        .arePublic()
        .and()
        .arePublic()
        .should(nameNoTypeOf("org.rocksdb"))
        .because("the index is to be replaceable by another engine")
        .check(CISTERN);
  }

  @Test
  void onlyTheUpstreamPackageSeesTheHttpClient() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.mirror.upstream")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.apache.hc..")
        .because("what goes out, goes out at one place, with one set of rules")
        .check(CISTERN);
  }

  @Test
  void onlyWebhooksSeeTheClientOfTheJdk() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.server.webhooks")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.net.http..")
        .because("it goes where the configuration says, and nowhere that others name")
        .check(CISTERN);
  }

  @Test
  void onlyAccessSeesTheLibrariesForTokensAndPasswords() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.auth.access")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("com.nimbusds..", "at.favre.lib..")
        .because("who shows a token or a password is decided at one place")
        .check(CISTERN);
  }

  @Test
  void onlyTheObjectsSeeProtobuf() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.server.objects")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("com.google.protobuf..")
        .because("what is in an object is the same however it was sent")
        .check(CISTERN);
  }

  @Test
  void imageStreamsKnowNoHttp() {
    noClasses()
        .that()
        .resideInAnyPackage("dev.cistern.server.objects", "dev.cistern.server.streams")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.cistern.server.http..")
        .because("what follows from a change must not depend on how it came")
        .check(CISTERN);
  }

  @Test
  void onlyTheCommandsSeeTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.cistern.server.cli")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.apache.commons.cli..")
        .because("a server can be started without words")
        .check(CISTERN);
  }

  @Test
  void everyPackageIsNullMarked() {
    classes()
        .that()
        .resideInAPackage("dev.cistern..")
        .should(
            new ArchCondition<JavaClass>("be in a package marked @NullMarked") {
              @Override
              public void check(JavaClass type, ConditionEvents events) {
                boolean isMarked = type.getPackage().isAnnotatedWith(NullMarked.class);
                events.add(
                    new SimpleConditionEvent(
                        type, isMarked, type.getName() + " is not null-marked"));
              }
            })
        .check(CISTERN);
  }

  private static DescribedPredicate<JavaClass> ours() {
    return JavaClass.Predicates.resideInAPackage("dev.cistern..");
  }

  private static DescribedPredicate<JavaClass> outside(String root) {
    return JavaClass.Predicates.resideOutsideOfPackage(root + "..");
  }

  private static ArchCondition<JavaMethod> nameNoTypeOf(String root) {
    return new ArchCondition<>("name no type of " + root) {
      @Override
      public void check(JavaMethod method, ConditionEvents events) {
        boolean isClean =
            method.getAllInvolvedRawTypes().stream()
                    .noneMatch(type -> type.getPackageName().startsWith(root))
                && method.getExceptionTypes().stream()
                    .noneMatch(type -> type.getName().startsWith(root));
        events.add(
            new SimpleConditionEvent(method, isClean, method.getFullName() + " names " + root));
      }
    };
  }
}
